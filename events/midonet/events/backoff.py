"""Exponential back-off with jitter: the delay before the next retry."""

import random


class Backoff:
    """Seconds to wait after each failure in a row, from about `first` to at most `cap`."""

    def __init__(self, first: float = 0.05, cap: float = 2.0) -> None:
        self._first = first
        self._cap = cap
        self._next = first

    def next(self) -> float:
        """Return the next delay, with jitter of up to one half."""
        delay, self._next = self._next, min(self._next * 2, self._cap)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not security

    def reset(self) -> None:
        """Start over after a success."""
        self._next = self._first
