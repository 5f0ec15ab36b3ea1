"""The interface of a runtime, and the runtime for logs without Kafka: a loop over the log on the leader."""

import logging
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any, Protocol

from midonet.events.backoff import Backoff
from midonet.events.errors import MidonetError
from midonet.events.log import open_log
from midonet.projections.base import Fenced
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.services.cluster.coordination import Lease
from midonet.services.runtime.context import Context
from midonet.services.streams.worker import BATCH, Worker

_POLL_SECONDS = 0.25
"""Seconds between two polls of the log.

Commits do not wake this thread, as the views that clients wait for have priority over stream processors.
"""


class Runtime(Protocol):
    """Hands the log's records to a worker, on one node at a time."""

    error: str | None
    """Why it cannot work at present, if so."""

    @property
    def lease(self) -> Lease | None:
        """The lease of the stream if this node holds it, else None."""

    def unheld_seconds(self) -> float:
        """Return the seconds for which no node has held the lease; 0 if it is held or ZooKeeper is unreachable."""

    def start(self) -> None:
        """Start."""

    def stop(self) -> None:
        """Stop and release the lease."""


class Embedded:
    """Follows the log in a thread of its own while this node leads."""

    def __init__(self, context: Context, worker: Worker[Any]) -> None:
        self.error: str | None = None
        self._context = context
        self._worker = worker
        self._leadership = context.leadership(lambda _: self._loop.wake())
        self._loop = WorkerThread(f"stream-{context.name}", self._run, context.crashed)

    @property
    def lease(self) -> Lease | None:
        """The leader's lease if this node leads, else None."""
        return self._leadership.lease

    def unheld_seconds(self) -> float:
        """Return the seconds for which no node has led."""
        return self._leadership.unheld_seconds()

    def start(self) -> None:
        """Become a candidate for leadership."""
        self._leadership.start()
        self._loop.start()

    def stop(self) -> None:
        """Stop and release leadership."""
        self._loop.stop()
        self._leadership.stop()

    def _run(self) -> None:
        backoff = Backoff(first=0.2)
        for _ in self._loop.iterations():
            if (lease := self.lease) is None:
                self._loop.wait()
            elif not self._lead(lease, backoff):
                self._loop.sleep(backoff.next())

    def _lead(self, lease: Lease, backoff: Backoff) -> bool:
        """Follow the log while the lease lasts; return False after an error."""
        try:
            for raws in self._batches(lease):
                self._worker.take(lease, raws)
                self.error = None
                backoff.reset()
        except Fenced as late:
            self._context.log(logging.INFO, "stale owner fenced", epoch=lease.epoch, reason=str(late))
            return False
        except MidonetError as error:
            self.error = error.message
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
                self._loop.sleep(_POLL_SECONDS)

    def _has_ended(self, lease: Lease) -> bool:
        return self._loop.stopping() or self.lease != lease
