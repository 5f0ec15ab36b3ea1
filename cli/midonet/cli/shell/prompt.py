"""The prompt of the shell: line editing, completion and history; `Lines` runs the lines."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from click.shell_completion import CompletionItem, ShellComplete, split_arg_string
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.output import ColorDepth

from midonet.cli.output import output
from midonet.cli.output.sanitize import clean
from midonet.cli.session.invocation import Invocation
from midonet.cli.session.session import Session
from midonet.cli.shell.line_runner import OWN_WORDS, Finished, Lines
from midonet.events.redaction import redact

_INTERRUPTED = 130
_HINT = 60
"""Characters of the help beside a completion."""


def run_prompt(lines: Lines) -> int:
    """Run the lines that are typed until the user leaves; return the exit code of the last one."""
    session: PromptSession[str] = PromptSession(
        history=_history(Path(lines.settings.state) / "midoctl"),
        completer=_Completer(lines),
        complete_while_typing=False,
        auto_suggest=AutoSuggestFromHistory(),
        color_depth=ColorDepth.MONOCHROME if os.environ.get("NO_COLOR") else None,
    )
    lines.run("")
    output.note(
        f"midoctl on {redact(str(lines.settings.get('server')))}; TAB completes, `help` shows help, `exit` leaves"
    )
    _refresh(lines)
    status = 0
    while True:
        try:
            for line in session.prompt(_prompt(lines)).splitlines():
                status = lines.run(line)
        except KeyboardInterrupt:
            status = _INTERRUPTED
        except (EOFError, Finished):
            return status


def _refresh(lines: Lines) -> None:
    """Open the log, whose position the prompt shows; the first command reports an error, if any."""
    try:
        with Session(lines.invocation()) as session:
            session.state.shell_store()
    except Exception:  # noqa: BLE001 - the first command reports it
        lines.cache.drop()


def _prompt(lines: Lines) -> StyleAndTextTuples:
    """Return the prompt: the log, its position, the tenant."""
    if lines.cache.position is not None:
        _refresh(lines)
    position = lines.cache.position
    place = f" {position}" if position is not None else ""
    tenant = lines.settings.get("tenant")
    whose = f" [{clean(tenant)}]" if tenant else ""
    return [("bold", log_name(str(lines.settings.get("server")))), ("", f"{place}{whose}> ")]


def log_name(url: str) -> str:
    """Return the short name of a log: its file without folders, or its database or topic with the server."""
    scheme, _, rest = url.partition("://")
    place, _, name = rest.partition("?")[0].rpartition("/")
    server = place.rpartition("@")[2].partition(",")[0]
    return clean(name if scheme == "sqlite" or not server else f"{name}@{server}")


def _history(folder: Path) -> History:
    """Return the history, in a file that only its owner can read; in memory if there can be no file."""
    path = folder / "history"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.open("ab").close()
    except OSError:
        return InMemoryHistory()
    return _FilteredHistory(str(path))


class _FilteredHistory(FileHistory):
    """A history without lines that hold a password or begin with a blank."""

    def store_string(self, string: str) -> None:
        """Append a line."""
        if not string.startswith(" ") and redact(string) == string:
            super().store_string(string)


class _Completer(Completer):
    """Completes by click, as the completion scripts of other shells do, on the open log."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield completions of the word at the cursor."""
        del complete_event
        text = document.text_before_cursor
        words = split_arg_string(text)
        start = last_word(text)
        incomplete = words.pop() if text[start:] and words else ""
        if words[:1] == ["midoctl"]:
            words.pop(0)
        for item in self._items(words, incomplete):
            end = "" if item.value.endswith(("=", "/")) else " "
            yield Completion(
                shlex.quote(item.value) + end,
                start - len(text),
                display=item.value,
                display_meta=(item.help or "")[:_HINT],
            )

    def _items(self, words: list[str], incomplete: str) -> Iterable[CompletionItem]:
        invocation = self._lines.invocation()
        if not words:
            yield from (CompletionItem(w, help=text) for w, text in OWN_WORDS.items() if w.startswith(incomplete))
        if words == ["sett"]:
            yield from (CompletionItem(name) for name in _tenants(invocation) if name.startswith(incomplete))
        else:
            yield from ShellComplete(self._lines.root, {"obj": invocation}, "midoctl", "").get_completions(
                words, incomplete
            )


def _tenants(invocation: Invocation) -> list[str]:
    """Return the names of all tenants."""
    from midonet.cli.commands.tenant_filter import tenants

    try:
        with Session(invocation) as session:
            return tenants(session.state.topology())
    except Exception:  # noqa: BLE001 - completion never fails
        return []


def last_word(text: str) -> int:
    """Return the start of the word that ends at the cursor; a quoted text is one word."""
    start, quote, escaped = 0, "", False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character.isspace():
            start = place + 1
    return start
