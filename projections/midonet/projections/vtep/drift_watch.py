"""Detects drift: compares the actual state with the state that was last loaded or written.

States are compared, not events: an edit that was undone is no drift, and the update of an own transaction equals the
expected state. Two threads use this: one reads updates, one writes; neither waits long.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from midonet.projections.base import Checkpoint
from midonet.projections.vtep.database_state import DatabaseState
from midonet.projections.vtep.keys import Key, Value
from midonet.projections.vtep.learned_macs import CurrentRow, SwitchUpdate
from midonet.projections.vtep.switch_report import SwitchReport
from midonet.projections.vtep.transaction import Delta, Operation, Transaction, create_checkpoint


class DriftWatch:
    """The actual and the expected state of one connection.

    `wake` is called while they differ, `on_update` after a report of the switch; both without any lock.
    """

    def __init__(
        self,
        state: DatabaseState,
        wake: Callable[[], None],
        on_update: Callable[[SwitchUpdate], None] = lambda _: None,
        tick: Callable[[], int] = lambda: 0,
    ) -> None:
        self._state = state
        self._wake = wake
        self._on_update = on_update
        self._lock = threading.Lock()
        self._checkpoint: Checkpoint | None = None
        self._expected: dict[Key, Value] = {}
        self._waiting: dict[Key, Value] = {}
        self._awaited: dict[Key, Value] = {}
        self._unblocked: set[Key] = set()
        self._unchecked: set[Key] = set()
        self._drift: set[Key] = set()
        self._foreign_order: dict[Key, int] = {}
        self._tick = tick
        self._loaded = False
        self._report: SwitchReport | None = None
        self._confirmed = False

    def update(self, updates: Mapping[str, Mapping[str, Any]]) -> None:
        """Apply an update of the monitor."""
        with self._lock:
            touched = self._state.apply(updates)
            self._report = None
            self._unchecked |= touched.keys
            if touched.hardware:
                self._unchecked.update(self._waiting)
            drifted = self._confirmed and (self._check() or (touched.hardware and any(self._acceptable(self._awaited))))
            update = self._state.reports.drain(self._state.hardware)
        if drifted:
            self._wake()
        if update is not None:
            self._on_update(update)

    def checkpoint(self) -> Checkpoint | None:
        """Return the actual checkpoint."""
        with self._lock:
            return self._state.checkpoint

    def create_checkpoint(self) -> list[Operation]:
        """Return the operations that create a checkpoint, if the database has none."""
        with self._lock:
            return create_checkpoint(self._state) if self._state.checkpoint is None else []

    def load(self) -> tuple[Checkpoint, dict[Key, Value]]:
        """Make the actual state the expected one, and return it; waiting values count as present.

        They do not if another writer moved the checkpoint: that writer is responsible for them then.
        """
        with self._lock:
            overtaken, self._checkpoint = self._state.checkpoint != self._checkpoint, self._state.checkpoint
            self._unblocked = {
                *(self._waiting if overtaken else self._acceptable(self._waiting)),
                *self._acceptable(self._awaited),
            }
            self._waiting = {key: value for key, value in self._waiting.items() if key not in self._unblocked}
            self._awaited.clear()
            for key in self._unchecked | self._drift:
                _put(self._expected, key, self._state.value(key))
            if self._loaded:
                self._foreign_order.update(dict.fromkeys(self._unchecked | self._drift, self._tick()))
            self._loaded = True
            self._unchecked.clear()
            self._drift.clear()
            self._confirmed = True
            return self._checkpoint or Checkpoint(), self._expected | self._waiting

    def plan(self, delta: Delta) -> Transaction:
        """Return a transaction that makes these changes; until `confirm`, updates are not treated as drift."""
        with self._lock:
            self._confirmed = False
            return Transaction(self._state, self._checkpoint or Checkpoint(), delta)

    def confirm(self, transactions: Iterable[Transaction]) -> None:
        """Expect the result of these transactions: all that were planned, which are committed now."""
        with self._lock:
            for transaction in transactions:
                for key, value in transaction.delta.items():
                    self._expect(key, value, waiting=key in transaction.waiting)
                    self._foreign_order.pop(key, None)
                self._checkpoint = transaction.checkpoint
            self._confirmed = True
            drifted = self._check()
        if drifted:
            self._wake()

    def waiting(self) -> list[Key]:
        """Return the values that wait for a port or a tunnel."""
        with self._lock:
            return list(self._waiting)

    def unblocked(self) -> set[Key]:
        """Return the values that waited, or could not be written, until the last `load`."""
        with self._lock:
            return set(self._unblocked)

    def accepts(self, key: Key, value: Value) -> bool:
        """Return whether the switch has what a value requires; if not, `wake` is called when it has."""
        with self._lock:
            accepted = self._state.accepts(key, value)
            if not accepted:
                self._awaited[key] = value
            return accepted

    def foreign_value(self, key: Key) -> Value | None:
        """Return the foreign value in the place of a key, if any."""
        with self._lock:
            return self._state.foreign_value(key)

    def current(self, key: Key) -> CurrentRow | None:
        """Return the actual value of a key; takes no lock, so it may be slightly old."""
        value = self._expected.get(key)
        return CurrentRow(value, self._foreign_order.get(key, 0)) if value is not None else None

    def unicast_keys(self) -> list[Key]:
        """Return the keys of all stations in the database."""
        with self._lock:
            return [key for key in self._expected if key[0] == "ucast"]

    def report(self) -> SwitchReport:
        """Return the report of the switch."""
        with self._lock:
            if self._report is None:
                self._report = self._state.report()
            return self._report

    def drift(self) -> dict[Key, tuple[Value | None, Value | None]]:
        """Return the differences from the expected state: key → (expected, found)."""
        with self._lock:
            return {key: (self._expected_value(key), self._state.value(key)) for key in self._drift}

    def checkpoint_moved(self) -> bool:
        """Return whether the checkpoint differs from the one that was last loaded or written."""
        with self._lock:
            return self._state.checkpoint != self._checkpoint

    def drifted(self) -> bool:
        """Return whether the actual state differs, or may differ, from the expected one."""
        with self._lock:
            return not self._confirmed or self._check()

    def _acceptable(self, values: Mapping[Key, Value]) -> Iterator[Key]:
        return (key for key, value in values.items() if self._state.accepts(key, value))

    def _expected_value(self, key: Key) -> Value | None:
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
        return bool(self._drift) or self._state.checkpoint != self._checkpoint

    def _differs(self, key: Key) -> bool:
        if key in self._waiting:
            return self._state.accepts(key, self._waiting[key])
        return self._state.value(key) != self._expected.get(key)


def _put(rows: dict[Key, Value], key: Key, value: Value | None) -> None:
    if value is None:
        rows.pop(key, None)
    else:
        rows[key] = value
