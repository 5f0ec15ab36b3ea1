"""A topology of its own for long reads and dry runs, so that they do not hold the feed's lock.

It is opened on first use from the newest snapshot, then kept and refreshed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from midonet.events.errors import NotFound, Rejected
from midonet.events.log.snapshots import Snapshots
from midonet.events.log.store import Check, Store
from midonet.services.api.reads.log_pool import LogPool


class PrivateTopology:
    """One store for long reads; one user at a time. Dry runs on it are subject to `check`, as commands are."""

    def __init__(self, logs: LogPool, snapshots: Snapshots, check: Check | None = None) -> None:
        self._check = check
        self._logs = logs
        self._snapshots = snapshots
        self._lock = Lock()
        self._store: Store | None = None

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Yield a store at the end of the log; changes must be undone. It is discarded after an unexpected error."""
        with self._lock, self._logs.acquire() as log:
            store, self._store = self._store, None
            if store is None:
                store = Store.open(log, self._snapshots)
                store.check = self._check
            else:
                store.log = log
                store.refresh()
            try:
                yield store
            except (NotFound, Rejected):
                self._store = store
                raise
            self._store = store
