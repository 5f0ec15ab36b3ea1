"""The delta tracker: desired, actual and pending as one structure, after Calico Felix's `deltatracker`.

A change costs what it touches, however large the view is, and changes that come while the target is slow or away
melt into one delta. Pure: no clock, no I/O, no lock (the caller serialises threads).
"""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic, TypeVar

from midonet.projections.base import Projection, key_text

K = TypeVar("K")
V = TypeVar("V")

_SKIPPED = "skipped by an operator: it stays as it is until an operator retries it"


class DeltaTracker(Generic[K, V]):
    """What one target still lacks of one projection.

    `same` compares an actual value with the desired one, for values that differ in what does not matter.
    """

    def __init__(self, projection: Projection[K, V], same: Callable[[V, V], bool] = operator.eq) -> None:
        self._projection = projection
        self._same = same
        self._actual: dict[K, V] = {}
        self._pending: set[K] = set()
        self._writing: dict[K, V | None] = {}
        self._lost: dict[K, V] = {}
        """What was left in the target and is there no longer, until it is written again."""
        self._skipped: frozenset[str] = frozenset()
        self.parked: dict[K, str] = {}
        """Keys that are left out, with the reason: the target can never hold their present value, or they are skipped.

        They wait for another value.
        """

    @property
    def pending(self) -> int:
        """How many keys there are whose values may have to be written."""
        return len(self._pending) + len(self._writing)

    @property
    def pending_keys(self) -> frozenset[K]:
        """The keys whose values may have to be written, and are not under way."""
        return frozenset(self._pending)

    def touch(self, keys: Iterable[K]) -> None:
        """Note that the desired values of these keys may have changed."""
        for key in keys:
            self._pending.add(key)
            self.parked.pop(key, None)

    def touch_all(self) -> None:
        """Note that any desired value may have changed: the projection was attached anew."""
        self.touch([*self._projection.keys(), *self._actual])

    def reconcile(self, actual: Mapping[K, V]) -> set[K]:
        """Take what was found in the target as the truth: what is not as it was left becomes pending again.

        So does a delta that was not confirmed by `written`: it may have been written in part. Returns the keys
        that are not as they were left, for all that is known.
        """
        before, self._actual = self._actual, dict(actual)
        found = {key for key, value in self._actual.items() if before.get(key) != value}
        found.update(before.keys() - self._actual.keys())
        self._lost = {key: before[key] for key in found if key in before} | self._lost
        self._pending |= found
        found.difference_update(self._writing)
        self._requeue()
        return found

    def delta(self) -> dict[K, V | None]:
        """Return desired values (None: remove) of pending keys that differ from the actual ones.

        It is under way until `written` confirms it; `reconcile` and `park` take it back. A key whose value cannot be
        made is parked. What was lost is written as it was, where only that differs which does not matter.
        """
        self._requeue()
        for key in self._pending:
            try:
                desired = self._projection.render(key)
            except Exception as error:  # noqa: BLE001 - one value that cannot be made must not hold up the others
                self.parked[key] = f"its value cannot be made: {error!r}"
                continue
            if not self._equal(self._actual.get(key), desired) and not self._is_left_out(key):
                lost = self._lost.get(key)
                self._writing[key] = lost if self._equal(lost, desired) else desired
        self._pending.clear()
        return self._writing

    def actual(self, key: K) -> V | None:
        """Return what is known to be in the target."""
        return self._actual.get(key)

    def written(self) -> None:
        """Note that the target took the delta."""
        for key, value in self._writing.items():
            if value is None:
                self._actual.pop(key, None)
            else:
                self._actual[key] = value
        self._writing = {}
        self._lost = {}

    def park(self, key: K, reason: str) -> None:
        """Leave a key out, whatever is in the target, until its desired value changes."""
        self.parked[key] = reason
        self._requeue()

    def retry(self, skipped: Collection[str]) -> set[K]:
        """Try again what is parked, but for the keys (in words) that are to be skipped; return what was parked."""
        self._skipped, parked = frozenset(skipped), set(self.parked)
        self.touch(parked)
        return parked

    def _is_left_out(self, key: K) -> bool:
        if self._skipped and key_text(key) in self._skipped:
            self.parked[key] = _SKIPPED
        return key in self.parked

    def _requeue(self) -> None:
        self._pending.update(self._writing)
        self._writing = {}

    def _equal(self, actual: V | None, desired: V | None) -> bool:
        if actual is None or desired is None:
            return actual is desired
        return self._same(actual, desired)
