"""What midoctl prints: data on standard output in the form that was asked for, messages on standard error.

Always UTF-8. Tables fit the terminal and are coloured only there; in a pipe they are plain lines, whole and uncut.
Loads what it needs late: `--help` prints through here too.
"""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from midonet.cli.text import clean, hide_secrets

__all__ = [
    "OutputLost",
    "flush",
    "json_text",
    "note",
    "on_terminal",
    "progress",
    "strong",
    "table",
    "working",
    "write",
    "yaml_text",
]

_LONG = 5_000
"""Steps from which on a progress bar is worth its time."""


class OutputLost(OSError):
    """Standard output is closed, its reader went away, or its disk is full."""


def write(text: str) -> None:
    """Print text and a line break."""
    if sys.stdout is None:
        raise OutputLost(errno.EBADF, "standard output is closed")
    with _guarded():
        sys.stdout.buffer.write(f"{text}\n".encode("utf-8", "backslashreplace"))


def flush() -> None:
    """Hand everything printed so far to its reader."""
    if sys.stdout is not None:
        with _guarded():
            sys.stdout.flush()


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _abandon()
        raise OutputLost(error.errno, error.strerror) from None


def _abandon() -> None:
    """Let the interpreter flush into the void at its end, where it would complain once more."""
    with suppress(OSError, ValueError):
        void = os.open(os.devnull, os.O_WRONLY)
        os.dup2(void, sys.stdout.fileno())
        os.close(void)


def note(message: str) -> None:
    """Tell the person at the terminal something that is not data."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(clean(hide_secrets(message)) + "\n")
            sys.stderr.flush()


def on_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def json_text(value: Any) -> str:
    """Return one line of JSON, or an indented text for a person at a terminal."""
    import msgspec

    raw = msgspec.json.encode(value)
    return (msgspec.json.format(raw, indent=2) if on_terminal() else raw).decode()


def yaml_text(value: Any) -> str:
    """Return a YAML document that `midonet.events.documents` reads back as the same value."""
    import msgspec
    import yaml

    text: str = yaml.dump(
        msgspec.to_builtins(value), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.rstrip("\n").removesuffix("\n...")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; no headers: two columns, names and values."""
    cleaned = [[clean(cell) for cell in row] for row in rows]
    return _rich(headers, cleaned) if on_terminal() else _plain(headers, cleaned)


def _plain(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(map(str.upper, headers)), *rows] if headers else list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _rich(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from io import StringIO

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD if headers else None, show_header=bool(headers), pad_edge=False)
    for place, header in enumerate(headers or ("", "")):
        grid.add_column(header, style="bold" if place == 0 else None, overflow="fold")
    for row in rows:
        grid.add_row(*map(Text, row))
    console = Console(file=StringIO(), width=Console().width, force_terminal=True, legacy_windows=False)
    console.print(grid)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO from above
    return text.rstrip("\n")


def strong(text: str) -> str:
    """Return text that stands out on a terminal, unless the user wants no colour (https://no-color.org)."""
    return f"\x1b[1m{text}\x1b[0m" if on_terminal() and not os.environ.get("NO_COLOR") else text


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far long work is; the caller tells the function that it gets how many steps are done."""
    if total < _LONG or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda steps: shown.advance(task, steps)


@contextmanager
def working(what: str, *, long: bool) -> Iterator[None]:
    """Show on a terminal that long work goes on."""
    if not long or sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(clean(what)):
        yield
