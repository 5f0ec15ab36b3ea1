"""Print data on standard output and messages on standard error, always as UTF-8.

Tables fit the terminal and are coloured only there; in a pipe they are plain, uncut lines. `--help` prints through
here, so libraries load on first use.
"""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from midonet.cli.output.sanitize import clean, printable
from midonet.events.redaction import redact


class OutputLost(OSError):
    """Standard output is closed, its reader is gone, or its disk is full."""


def write(text: str) -> None:
    """Print text and a line break; control characters are escaped."""
    write_raw(printable(text, styled=on_terminal()))


def write_raw(text: str) -> None:
    """Print text and a line break, unchanged."""
    if sys.stdout is None:
        raise OutputLost(errno.EBADF, "standard output is closed")
    with _guarded():
        sys.stdout.buffer.write(f"{text}\n".encode("utf-8", "backslashreplace"))


def flush() -> None:
    """Flush standard output."""
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
    """Send the rest of the output to /dev/null: the interpreter would report the error again at its end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def note(message: str) -> None:
    """Print a message that is not data."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(clean(redact(message)) + "\n")
            sys.stderr.flush()


def on_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, keep: int = 1) -> str:
    """Return a table; no headers: two columns, names and values.

    On a terminal it fits the width: cells are cut, then columns are hidden from the right, but for the first `keep`;
    the last line lists the hidden ones.
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
    """Return text in bold on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return f"\x1b[1m{text}\x1b[0m" if on_terminal() and not os.environ.get("NO_COLOR") else text
