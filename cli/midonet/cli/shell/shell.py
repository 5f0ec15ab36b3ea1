"""`midoctl shell`: commands one after the other on one open log, typed at a prompt or read from a file.

The prompt has completion and a history; lines that hold a password are not recorded.
"""

import gc
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import click

from midonet.cli.framework.command import DataOption, command
from midonet.cli.session.session import Session
from midonet.cli.shell.line_runner import Lines, numbered, read_lines
from midonet.events.errors import UsageError


@command(
    "shell",
    DataOption(["-e", "--eval", "lines"], metavar="LINE", multiple=True, help="Run this line (repeatable)."),
    click.Option(
        ["-f", "--file", "path"],
        metavar="FILE",
        type=click.Path(),
        help="Run the lines of a file; - is stdin.",
    ),
    click.Option(["--keep-going"], is_flag=True, help="Continue after a line that fails."),
    examples="""  midoctl shell
  midoctl --server postgresql+psycopg://db/midonet -m "ticket 7" shell -f rack2.midoctl
  midoctl shell -e "bridge create web" -e "port create p1 --bridge web"
  cat rack2.midoctl | midoctl -o json shell --keep-going""",
)
def shell(session: Session, lines: Sequence[str], path: str | None, *, keep_going: bool) -> None:
    """Run commands one after the other: one per line, written as after `midoctl`, with # comments.

    On a terminal there is a prompt, with completion and history. Otherwise the lines of standard input are run, up to
    the first that fails: its exit code is that of the shell, and the error names its line. Each line is a separate
    command: changes before an error remain. Options of the shell apply to every line.
    """
    gc.enable()  # a shell may run for days
    if lines and path is not None:
        raise UsageError("give lines (-e) or a file (-f), not both")
    typed = not lines and path is None and _at_terminal()
    context = click.get_current_context()
    runner = Lines(context.find_root().command, session.settings, numbered=typed)
    with ExitStack() as stack:
        stack.callback(runner.cache.drop)
        if typed:
            from midonet.cli.shell.prompt import run_prompt

            status = run_prompt(runner)
        else:
            status = runner.run_all(_read(lines, path, stack), keep_going=keep_going)
    context.exit(status)


def _at_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _read(lines: Sequence[str], path: str | None, stack: ExitStack) -> Iterable[tuple[str, str]]:
    """Return the lines to run, each with its location."""
    if lines:
        return numbered("-e", lines)
    if path not in (None, "-"):
        try:
            file = stack.enter_context(Path(str(path)).open("rb"))  # noqa: SIM115 - the stack closes it
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}", file=path) from None
        return numbered(str(path), read_lines(file, str(path)))
    return numbered("stdin", read_lines(_input(stack), "stdin"))


def _input(stack: ExitStack) -> IO[bytes]:
    """Return standard input, and close it for commands: `apply -f -` would read the remaining lines."""
    source = sys.stdin
    if source is None:
        raise UsageError("standard input is closed")
    stack.callback(setattr, sys, "stdin", source)
    sys.stdin = None  # as Python has it where it is closed
    return source.buffer
