"""How long to wait before the next try: longer each time, never in step with others, up to a cap."""

import random


class Backoff:
    """Seconds to wait after each failure in a row, from about `first` to at most `cap`."""

    def __init__(self, first: float = 0.05, cap: float = 2.0) -> None:
        self._first = first
        self._cap = cap
        self._next = first

    def next(self) -> float:
        """Return the next delay: half of it is certain, half is chance."""
        delay, self._next = self._next, min(self._next * 2, self._cap)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing

    def reset(self) -> None:
        """Start over after a success."""
        self._next = self._first
