"""What midoctl prints: data on standard output in the form that was asked for, messages on standard error.

Always UTF-8. Tables fit the terminal and are coloured only there; in a pipe they are plain lines, whole and uncut.
Loads what it needs late: `--help` prints through here too.
"""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from midonet.cli.output.sanitize import clean
from midonet.events.redaction import redact


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
            sys.stderr.write(clean(redact(message)) + "\n")
            sys.stderr.flush()


def on_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, keep: int = 1) -> str:
    """Return a table; no headers: two columns, names and values.

    On a terminal it is as wide as that: columns are cut, and left out from the right if that is not enough, but
    for the first `keep`; the last line says which.
    """
    cleaned = [[clean(cell) for cell in row] for row in rows]
    if not on_terminal():
        return _plain(headers, cleaned)
    from midonet.cli.output import terminal_table

    return terminal_table.listed(headers, cleaned, keep) if headers else terminal_table.card(cleaned)


def _plain(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(map(str.upper, headers)), *rows] if headers else list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def strong(text: str) -> str:
    """Return text that stands out on a terminal, unless the user wants no colour (https://no-color.org)."""
    return f"\x1b[1m{text}\x1b[0m" if on_terminal() and not os.environ.get("NO_COLOR") else text
