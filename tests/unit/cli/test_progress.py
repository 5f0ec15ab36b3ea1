"""Progress is shown on a terminal only, and only for long work."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

WORK = """
import sys
from midonet.cli.output import progress

progress._PATIENCE = {patience}

def slow():
    yield from range(3)
    sys.stdin.read()  # as long as the test looks

with progress.progress("outer work"):
    assert sum(progress.tracked(slow(), "inner work", lambda: {total})) == 3
print("done")
"""
LONG = 60


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Open a terminal; yield the end that people look at, and the end of programs."""
    ends = pty.openpty()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def shown(patience: float, total: str, sign: str) -> str:
    """Run work with a terminal as standard error until that shows a sign; return what it shows then and at the end."""
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    command = [sys.executable, "-c", WORK.format(patience=patience, total=total)]
    with (
        terminal() as (people, program),
        subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=program
        ) as process,
    ):
        seen = b""
        while sign.encode() not in seen:
            seen += os.read(people, 100_000)
        out, _ = process.communicate(b"")
        assert (process.returncode, out) == (0, b"done\n"), "what is printed is data alone"
        os.write(program, b".")
        while not seen.endswith(b"."):
            seen += os.read(people, 100_000)
        return seen.decode()


def test_long_work_shows_a_bar_and_clears_it() -> None:
    text = shown(0.1, "20", sign="3 of 20")
    assert "inner work" in text
    assert "outer work" not in text, "the innermost is shown"
    assert text.endswith("\x1b[2K."), "the line is erased at the end"


def test_quick_work_shows_nothing() -> None:
    assert shown(LONG, "1", sign="") == "."


@pytest.mark.parametrize("total", ["None", "1 // 0"])
def test_an_unknown_total_is_accepted(total: str) -> None:
    text = shown(0.1, total, sign="inner work")
    assert " of " not in text
