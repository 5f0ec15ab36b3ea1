"""Progress is shown on a terminal, after a while, and nowhere else."""

import os
import pty
import subprocess
import sys

import pytest

WORK = """
import time
from midonet.cli.progress import progress, tracked

def slow(count):
    for number in range(count):
        time.sleep(0.1)
        yield number

with progress("outer work"):
    assert sum(tracked(slow({steps}), "inner work", lambda: {total})) == sum(range({steps}))
print("done")
"""


def shown(steps: int, total: str) -> str:
    """Run the work with a terminal as standard error; return what the terminal shows."""
    controller, terminal = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", WORK.format(steps=steps, total=total)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=terminal,
        check=True,
    )
    assert done.stdout == b"done\n", "what is printed is data alone"
    os.write(terminal, b".")
    text = ""
    while not text.endswith("."):
        text += os.read(controller, 100_000).decode()
    os.close(terminal)
    os.close(controller)
    return text


def test_long_work_shows_how_far_it_is_and_leaves_no_trace() -> None:
    text = shown(20, "20")
    assert "inner work" in text
    assert "of 20" in text
    assert "outer work" not in text, "the innermost is shown"
    assert text.endswith("\x1b[2K."), "the line is erased at the end"


def test_quick_work_shows_nothing() -> None:
    assert shown(1, "1") == "."


@pytest.mark.parametrize("total", ["None", "1 // 0"])
def test_a_total_that_nobody_knows_harms_nothing(total: str) -> None:
    text = shown(10, total)
    assert "inner work" in text
    assert " of " not in text
