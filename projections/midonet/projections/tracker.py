"""The delta tracker: desired, actual and pending as one structure, after Calico Felix's `deltatracker`.

A change costs what it touches, however large the view is, and changes that come while the target is slow or away
melt into one delta. Pure: no clock, no I/O, no lock (whoever shares one between threads brings that).
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from midonet.projections.port import Projection

__all__ = ["Tracker"]

K = TypeVar("K")
V = TypeVar("V")


class Tracker(Generic[K, V]):
    """What one target still lacks of one projection.

    `same` compares an actual value with the desired one, for values that differ in what does not matter.
    """

    def __init__(self, projection: Projection[K, V], same: Callable[[V, V], bool] = operator.eq) -> None:
        self._projection = projection
        self._same = same
        self._actual: dict[K, V] = {}
        self._pending: set[K] = set()
        self._writing: dict[K, V | None] = {}
        self.parked: dict[K, str] = {}
        """Keys whose present value the target can never hold, with the reason; they wait for another value."""

    def touch(self, keys: Iterable[K]) -> None:
        """Note that the desired values of these keys may have changed."""
        for key in keys:
            self._pending.add(key)
            self.parked.pop(key, None)

    def start_over(self) -> None:
        """Note that any desired value may have changed: the projection was attached anew."""
        self.touch([*self._projection.keys(), *self._actual])

    def reconcile(self, actual: Mapping[K, V]) -> None:
        """Take what was found in the target as the truth: what is not as it was left becomes pending again.

        So does a delta that was not confirmed by `written`: nobody knows how much of it arrived.
        """
        before, self._actual = self._actual, dict(actual)
        self._pending.update(key for key, value in self._actual.items() if before.get(key) != value)
        self._pending.update(before.keys() - self._actual.keys())
        self._take_back()

    def delta(self) -> dict[K, V | None]:
        """Return desired values (None: remove) of pending keys that differ from the actual ones.

        It is under way until `written` confirms it; `reconcile` and `park` take it back.
        """
        self._take_back()
        for key in self._pending:
            desired, actual = self._projection.render(key), self._actual.get(key)
            if key not in self.parked and not self._equal(actual, desired):
                self._writing[key] = desired
        self._pending.clear()
        return self._writing

    def written(self) -> None:
        """Note that the target took the delta."""
        for key, value in self._writing.items():
            if value is None:
                self._actual.pop(key, None)
            else:
                self._actual[key] = value
        self._writing = {}

    def park(self, key: K, reason: str) -> None:
        """Leave a key out, whatever is in the target, until its desired value changes."""
        self.parked[key] = reason
        self._take_back()

    def _take_back(self) -> None:
        self._pending.update(self._writing)
        self._writing = {}

    def _equal(self, actual: V | None, desired: V | None) -> bool:
        if actual is None or desired is None:
            return actual is desired
        return self._same(actual, desired)
