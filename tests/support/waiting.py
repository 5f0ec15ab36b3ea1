"""Waiting for what must happen: for the thing itself, never for a time, and long enough for a busy machine."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["HEARS_CTRL_C", "eventually"]

T = TypeVar("T")

_PAUSE = 0.01

HEARS_CTRL_C = ("env", "--default-signal=INT")
"""What a program is run by that is sent SIGINT: a test run in the background ignores it, and so would the program."""


def eventually(look: Callable[[], T], seconds: float = 30.0) -> T:
    """Return the first true value that `look` returns; the test fails if that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(_PAUSE)
    return found
