"""A topology apart from the feed's, for long looks at the present: nobody waits for them, and it may be changed.

It is read when it is first needed, from the newest snapshot on, and from then on kept and read on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from midonet.events.errors import NotFound, Rejected
from midonet.events.log.snapshots import Snapshots
from midonet.events.log.store import Store
from midonet.services.api.reads.log_pool import LogPool


class PrivateTopology:
    """One topology for all who look long; one after the other."""

    def __init__(self, logs: LogPool, snapshots: Snapshots) -> None:
        self._logs = logs
        self._snapshots = snapshots
        self._lock = Lock()
        self._store: Store | None = None

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Yield a store at the end of the log; whoever changes its topology takes that back, unless it fails."""
        with self._lock, self._logs.acquire() as log:
            store, self._store = self._store, None
            if store is None:
                store = Store.open(log, self._snapshots)
            else:
                store.log = log
                store.refresh()
            try:
                yield store
            except (NotFound, Rejected):
                self._store = store
                raise
            self._store = store
