"""The base class of runtimes, and the runtime for logs without Kafka: a loop over the log on the leader."""

import logging
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from midonet.events.backoff import Backoff
from midonet.events.errors import MidonetError
from midonet.events.log import open_log
from midonet.projections.base import Fenced
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.services.cluster.coordination import Lease
from midonet.services.cluster.leases import LEADER, Ownership
from midonet.services.runtime.context import Context
from midonet.services.streams.worker import BATCH, Worker

_POLL_SECONDS = 0.25
"""Seconds between two polls of the log.

Commits do not wake this thread, as the views that clients wait for have priority over stream processors.
"""


class Runtime(WorkerThread):
    """A thread that hands the log's records to a worker while this node holds the lease `item` of the stream."""

    def __init__(
        self, context: Context, worker: Worker[Any], leases: Ownership, item: str, patience: float | None = None
    ) -> None:
        super().__init__(f"stream-{context.name}", self._run, context.crashed, patience)
        self.error: str | None = None
        """Why it cannot work at present, if so."""
        self._context = context
        self._worker = worker
        self._leases = leases
        self._item = item

    @property
    def lease(self) -> Lease | None:
        """The lease of the stream if this node holds it, else None."""
        return self._leases.leases().get(self._item)

    def unheld_seconds(self) -> float:
        """Return the seconds for which no node has held the lease; 0 if it is held or ZooKeeper is unreachable."""
        return self._leases.unheld_seconds()

    def start(self) -> None:
        """Become a candidate for the lease."""
        self._leases.start()
        super().start()

    def stop(self, seconds: float | None = None) -> None:
        """Stop and release the lease."""
        super().stop(seconds)
        self._leases.stop()

    @abstractmethod
    def _run(self) -> None:
        """Hand over records until the end is requested."""

    def _failed(self, lease: Lease, error: Fenced | MidonetError) -> None:
        """Record why the worker failed."""
        if isinstance(error, MidonetError):
            self.error = error.message
        else:
            self._context.log(logging.INFO, "stale owner fenced", epoch=lease.epoch, reason=str(error))


class Embedded(Runtime):
    """Follows the log while this node leads."""

    def __init__(self, context: Context, worker: Worker[Any]) -> None:
        super().__init__(context, worker, context.leadership(lambda _: self.wake()), LEADER)

    def _run(self) -> None:
        backoff = Backoff(first=0.2)
        for _ in self.iterations():
            if (lease := self.lease) is None:
                self.wait()
            elif not self._lead(lease, backoff):
                self.sleep(backoff.next())

    def _lead(self, lease: Lease, backoff: Backoff) -> bool:
        """Follow the log while the lease lasts; return False after an error."""
        try:
            for raws in self._batches(lease):
                self._worker.take(lease, raws)
                self.error = None
                backoff.reset()
        except (Fenced, MidonetError) as error:
            self._failed(lease, error)
            return False
        return True

    def _batches(self, lease: Lease) -> Iterator[list[bytes]]:
        """Yield new records in batches, and an empty batch whenever the end of the log is reached."""
        with closing(open_log(self._context.settings.log)) as log:
            head, seen = self._worker.resume(lease), -1
            while not self._has_ended(lease):
                before, seen = seen, self._context.feed.head.position
                records = log.read(head) if head.position < before else iter(())
                while batch := list(islice(records, BATCH)):
                    head = batch[-1].head
                    yield [record.raw for record in batch]
                    if self._has_ended(lease):
                        return
                yield []
                self.sleep(_POLL_SECONDS)

    def _has_ended(self, lease: Lease) -> bool:
        return self.stopping() or self.lease != lease
