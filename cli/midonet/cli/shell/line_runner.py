"""Run lines of text as command lines of midoctl, typed or from a file.

Only `ShellCache` and the tenant of `sett` carry state from one line to the next.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import IO

import click

from midonet.cli.framework.error_report import report
from midonet.cli.framework.runner import run
from midonet.cli.options.options import Settings
from midonet.cli.output import output
from midonet.cli.session.invocation import Invocation
from midonet.cli.session.shell_cache import ShellCache
from midonet.events.errors import UsageError

OWN_WORDS = {
    "sett": "Choose a tenant: lists show its objects, create assigns them to it.",
    "cleart": "Choose no tenant.",
    "exit": "Leave the shell (also quit, or Ctrl-D).",
}
"""Commands of the shell itself."""

_HARMLESS = (0, 2, 3, 4, 6)
"""Exit codes after which the open log is still valid."""
_COMMENT = re.compile(
    r"""(?:[^\s"'\\#]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')*|\s+"""
)
"""What may precede a comment: words that do not begin with `#`, and blanks."""


class Finished(Exception):
    """The shell was left by `exit`."""


def words_of(line: str) -> list[str]:
    """Return the words of a line, quoted as in a shell, without its comment and a leading `midoctl`."""
    end = 0
    while (found := _COMMENT.match(line, end)) is not None:
        end = found.end()
    text = line[:end] if line[end : end + 1] == "#" else line
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{str(error).lower()}: {line.strip()}", line=line) from None
    return words[1:] if words[:1] == ["midoctl"] else words


class Lines:
    """Runs lines with common settings."""

    def __init__(self, root: click.Command, settings: Settings, *, numbered: bool) -> None:
        """`root` is the command `midoctl`; `numbered` as of `ShellCache`."""
        self.root = root
        self.settings = settings.derived()
        self.cache = ShellCache(numbered=numbered)

    def invocation(self) -> Invocation:
        """Return what one more line runs with."""
        return Invocation(self.settings.derived(), self.cache)

    def run(self, line: str, where: str | None = None) -> int:
        """Run a line and report its error; return its exit code. Raises `Finished`."""
        words: list[str] = []
        try:
            words = words_of(line)
            if not words:
                return 0
            if words[0] in ("shell", *OWN_WORDS, "quit"):
                self._do(words[0], words[1:])
                return 0
        except UsageError as error:
            return report(error, self.settings, words, where)
        return self._command(words, where)

    def _command(self, words: list[str], where: str | None) -> int:
        status = 1
        try:
            status = run(self.root, words, self.invocation(), where)
        finally:
            if status not in _HARMLESS:
                self.cache.drop()
        return status

    def _do(self, word: str, rest: list[str]) -> None:
        match word:
            case "sett" if len(rest) == 1 and rest[0]:
                self.settings.give("tenant", rest[0])
                self._note(f"tenant {rest[0]}: lists show its objects, create assigns them to it; cleart clears it")
            case "cleart" if not rest:
                self.settings.give("tenant", "")
            case "exit" | "quit" if not rest:
                raise Finished
            case "shell":
                raise UsageError("already in a shell")
            case _:
                raise UsageError(f"write: {'sett TENANT' if word == 'sett' else word}")

    def _note(self, message: str) -> None:
        if self.cache.numbered:
            output.note(message)

    def run_all(self, lines: Iterable[tuple[str, str]], *, keep_going: bool) -> int:
        """Run lines, each with its location, up to the first that fails; return its exit code."""
        failed: list[int] = []
        for where, line in lines:
            try:
                status = self.run(line, where)
            except Finished:
                break
            failed += [status] if status else []
            if failed and (status > _SIGNALLED or not keep_going):
                break
        if len(failed) > 1 and self.settings.get("output") == "table":
            output.note(f"midoctl: {len(failed):,} lines failed")
        return failed[0] if failed else 0


_LONGEST = 1_000_000
"""Bytes of a line."""
_SIGNALLED = 128
"""Higher exit codes mean that a signal ended the command, or that its reader is gone: the rest is not run."""


def numbered(name: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield lines, each with its location."""
    return ((f"{name}:{number}", line) for number, line in enumerate(lines, 1))


def read_lines(file: IO[bytes], name: str) -> Iterator[str]:
    """Yield the lines of a file as they arrive; `UsageError` if it cannot be read or a line is too long."""
    while True:
        try:
            raw = file.readline(_LONGEST + 1)
        except (OSError, ValueError) as error:
            raise UsageError(f"{name}: {getattr(error, 'strerror', None) or error}", file=name) from None
        if not raw:
            return
        if len(raw) > _LONGEST:
            raise UsageError(f"{name}: a line is longer than {_LONGEST:,} bytes", file=name)
        yield raw.decode("utf-8", "surrogateescape")
