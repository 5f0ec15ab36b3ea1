"""Tell drift from our own doing: the actual state against what we loaded or wrote last.

State is compared, not events: an edit that was taken back is no drift, and the echo of our own transaction equals
what we expect. Two threads meet here, the one that reads updates and the one that writes; neither waits long.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from midonet.projections.base import Checkpoint
from midonet.projections.vtep.database_state import DatabaseState
from midonet.projections.vtep.keys import Key, Value
from midonet.projections.vtep.learned_macs import CurrentRow, SwitchUpdate
from midonet.projections.vtep.switch_report import SwitchReport
from midonet.projections.vtep.transaction import Delta, Operation, Transaction, claim


class DriftWatch:
    """The actual state of one connection and what we expect of it.

    `wake` is called while they differ, `hear` when the switch said something of itself; both without any lock.
    """

    def __init__(
        self,
        actual: DatabaseState,
        wake: Callable[[], None],
        hear: Callable[[SwitchUpdate], None] = lambda _: None,
        tick: Callable[[], int] = lambda: 0,
    ) -> None:
        self._actual = actual
        self._wake = wake
        self._hear = hear
        self._lock = threading.Lock()
        self._checkpoint: Checkpoint | None = None
        self._expected: dict[Key, Value] = {}
        self._waiting: dict[Key, Value] = {}
        self._awaited: dict[Key, Value] = {}
        self._freed: set[Key] = set()
        self._unchecked: set[Key] = set()
        self._drift: set[Key] = set()
        self._news: dict[Key, int] = {}
        self._tick = tick
        self._loaded = False
        self._report: SwitchReport | None = None
        self._settled = False

    def update(self, updates: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in an update of the monitor."""
        with self._lock:
            touched = self._actual.apply(updates)
            self._report = None
            self._unchecked |= touched.keys
            if touched.hardware:
                self._unchecked.update(self._waiting)
            drifted = self._settled and (self._check() or (touched.hardware and any(self._able(self._awaited))))
            heard = self._actual.reports.heard(self._actual.hardware)
        if drifted:
            self._wake()
        if heard is not None:
            self._hear(heard)

    def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint that is there."""
        with self._lock:
            return self._actual.checkpoint

    def claim(self) -> list[Operation]:
        """Return the operations that give the database a checkpoint, if it has none."""
        with self._lock:
            return claim(self._actual) if self._actual.checkpoint is None else []

    def load(self) -> tuple[Checkpoint, dict[Key, Value]]:
        """Expect what is there, and return it; what waits for its port or tunnel counts as there.

        It does no longer where somebody else moved the checkpoint: that one knows what waits now.
        """
        with self._lock:
            overtaken, self._checkpoint = self._actual.checkpoint != self._checkpoint, self._actual.checkpoint
            self._freed = {*(self._waiting if overtaken else self._able(self._waiting)), *self._able(self._awaited)}
            self._waiting = {key: value for key, value in self._waiting.items() if key not in self._freed}
            self._awaited.clear()
            for key in self._unchecked | self._drift:
                _put(self._expected, key, self._actual.value(key))
            if self._loaded:
                self._news.update(dict.fromkeys(self._unchecked | self._drift, self._tick()))
            self._loaded = True
            self._unchecked.clear()
            self._drift.clear()
            self._settled = True
            return self._checkpoint or Checkpoint(), self._expected | self._waiting

    def plan(self, delta: Delta) -> Transaction:
        """Return a transaction that makes these changes; until `settle`, updates are not taken for drift."""
        with self._lock:
            self._settled = False
            return Transaction(self._actual, self._checkpoint or Checkpoint(), delta)

    def settle(self, transactions: Iterable[Transaction]) -> None:
        """Expect what these transactions, all that were planned and are committed by now, left there."""
        with self._lock:
            for transaction in transactions:
                for key, value in transaction.delta.items():
                    self._expect(key, value, waiting=key in transaction.waiting)
                    self._news.pop(key, None)
                self._checkpoint = transaction.checkpoint
            self._settled = True
            drifted = self._check()
        if drifted:
            self._wake()

    def waiting(self) -> list[Key]:
        """Return what waits for its port or tunnel."""
        with self._lock:
            return list(self._waiting)

    def freed(self) -> set[Key]:
        """Return what waited until the last `load`, or could not be written until then."""
        with self._lock:
            return set(self._freed)

    def takes(self, key: Key, value: Value) -> bool:
        """Return whether there is what a value needs; if not, `wake` is called when there is, whoever writes it."""
        with self._lock:
            able = self._actual.takes(key, value)
            if not able:
                self._awaited[key] = value
            return able

    def instead(self, key: Key) -> Value | None:
        """Return what of others is in the place of a key, if anything is."""
        with self._lock:
            return self._actual.instead(key)

    def held(self, key: Key) -> CurrentRow | None:
        """Return what is known to be there under a key; takes no lock, so it may be of a moment ago."""
        value = self._expected.get(key)
        return CurrentRow(value, self._news.get(key, 0)) if value is not None else None

    def held_stations(self) -> list[Key]:
        """Return the keys of all stations that are there."""
        with self._lock:
            return [key for key in self._expected if key[0] == "ucast"]

    def report(self) -> SwitchReport:
        """Return what the switch says of itself."""
        with self._lock:
            if self._report is None:
                self._report = self._actual.report()
            return self._report

    def drift(self) -> dict[Key, tuple[Value | None, Value | None]]:
        """Return what is not as expected: key → (expected, found)."""
        with self._lock:
            return {key: (self._wanted(key), self._actual.value(key)) for key in self._drift}

    def moved(self) -> bool:
        """Return whether the checkpoint is not as it was loaded or written last."""
        with self._lock:
            return self._actual.checkpoint != self._checkpoint

    def drifted(self) -> bool:
        """Return whether the actual state is not, or is not known to be, as expected."""
        with self._lock:
            return not self._settled or self._check()

    def _able(self, values: Mapping[Key, Value]) -> Iterator[Key]:
        return (key for key, value in values.items() if self._actual.takes(key, value))

    def _wanted(self, key: Key) -> Value | None:
        return self._expected.get(key, self._waiting.get(key))

    def _expect(self, key: Key, value: Value | None, *, waiting: bool) -> None:
        _put(self._expected, key, None if waiting else value)
        _put(self._waiting, key, value if waiting else None)

    def _check(self) -> bool:
        for key in self._unchecked:
            if self._differs(key):
                self._drift.add(key)
            else:
                self._drift.discard(key)
        self._unchecked.clear()
        return bool(self._drift) or self._actual.checkpoint != self._checkpoint

    def _differs(self, key: Key) -> bool:
        if key in self._waiting:
            return self._actual.takes(key, self._waiting[key])
        return self._actual.value(key) != self._expected.get(key)


def _put(rows: dict[Key, Value], key: Key, value: Value | None) -> None:
    if value is None:
        rows.pop(key, None)
    else:
        rows[key] = value
