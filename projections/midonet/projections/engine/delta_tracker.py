"""The delta tracker: desired, actual and pending values, after Calico Felix's `deltatracker`.

The cost of a change depends on the changed keys, not on the size of the view. Changes that arrive while the target is
slow or unreachable are coalesced into one delta. Pure: no clock, no I/O, no lock (the caller serialises threads).
"""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic, TypeVar

from midonet.projections.base import Projection, key_text

K = TypeVar("K")
V = TypeVar("V")

_SKIPPED = "skipped by an operator; not updated until an operator retries it"


class DeltaTracker(Generic[K, V]):
    """The difference between one projection and one target.

    `same` compares an actual value with the desired one, for values that differ only in insignificant parts.
    """

    def __init__(self, projection: Projection[K, V], same: Callable[[V, V], bool] = operator.eq) -> None:
        self._projection = projection
        self._same = same
        self._actual: dict[K, V] = {}
        self._pending: set[K] = set()
        self._writing: dict[K, V | None] = {}
        self._lost: dict[K, V] = {}
        """Values that were written and are missing from the target, until they are written again."""
        self._skipped: frozenset[str] = frozenset()
        self.parked: dict[K, str] = {}
        """Omitted keys, with the reason: the target cannot store their present value, or they are skipped.

        They are written after their value changes.
        """

    @property
    def pending(self) -> int:
        """How many keys have values that may have to be written."""
        return len(self._pending) + len(self._writing)

    @property
    def pending_keys(self) -> frozenset[K]:
        """The keys with values that may have to be written and are not in flight."""
        return frozenset(self._pending)

    def touch(self, keys: Iterable[K]) -> None:
        """Record that the desired values of these keys may have changed."""
        for key in keys:
            self._pending.add(key)
            self.parked.pop(key, None)

    def touch_all(self) -> None:
        """Record that any desired value may have changed, because the projection was attached again."""
        self.touch([*self._projection.keys(), *self._actual])

    def reconcile(self, actual: Mapping[K, V]) -> set[K]:
        """Replace the actual values by those that were read; keys that differ from the last write become pending.

        The same holds for a delta that `written` did not confirm: it may have been written in part. Returns the keys
        that differ from the last write.
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

        The delta is in flight until `written` confirms it; `reconcile` and `park` cancel it. A key without a valid
        value is parked. A missing value is written again unchanged if only insignificant parts differ.
        """
        self._requeue()
        for key in self._pending:
            try:
                desired = self._projection.render(key)
            except Exception as error:  # noqa: BLE001 - one invalid value must not delay the others
                self.parked[key] = f"its value cannot be computed: {error!r}"
                continue
            if not self._equal(self._actual.get(key), desired) and not self._is_left_out(key):
                lost = self._lost.get(key)
                self._writing[key] = lost if self._equal(lost, desired) else desired
        self._pending.clear()
        return self._writing

    def actual(self, key: K) -> V | None:
        """Return the actual values, as far as they were read or written."""
        return self._actual.get(key)

    def written(self) -> None:
        """Record that the target stored the delta."""
        for key, value in self._writing.items():
            if value is None:
                self._actual.pop(key, None)
            else:
                self._actual[key] = value
        self._writing = {}
        self._lost = {}

    def park(self, key: K, reason: str) -> None:
        """Omit a key, whatever the target has, until its desired value changes."""
        self.parked[key] = reason
        self._requeue()

    def retry(self, skipped: Collection[str]) -> set[K]:
        """Retry parked keys, except the keys (as text) that are to be skipped; return those that were parked."""
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
