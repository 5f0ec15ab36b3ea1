"""What runs a processor, and the one of them for logs without Kafka: a loop on the log, on the node that leads."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from threading import Event, Thread
from typing import Any, Protocol

from midonet.events.commit import Record
from midonet.events.errors import MidonetError
from midonet.events.log import open_log
from midonet.events.log.port import Progress
from midonet.projections.backoff import Backoff
from midonet.projections.port import Fenced
from midonet.services.context import Context
from midonet.services.coordination import Lease
from midonet.services.streams.worker import BATCH, Worker

__all__ = ["Embedded", "Runtime"]

_IDLE_SECONDS = 0.5


class Runtime(Protocol):
    """Hands the log's records to a worker, on one node at a time."""

    trouble: str | None
    """Why it cannot work at the moment, if so."""

    @property
    def lease(self) -> Lease | None:
        """The lease by which this node works, if it does."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, and let another node go on."""


class Embedded:
    """Follows the log on a thread of its own as long as this node leads."""

    def __init__(self, context: Context, worker: Worker[Any]) -> None:
        self.trouble: str | None = None
        self._context = context
        self._worker = worker
        self._changed = Event()
        self._stopping = Event()
        self._leadership = context.leadership(lambda _: self._changed.set())
        self._thread = Thread(target=self._run, name=f"stream-{context.name}", daemon=True)

    @property
    def lease(self) -> Lease | None:
        """The lease by which this node leads."""
        return self._leadership.lease

    def start(self) -> None:
        """Become a candidate."""
        self._leadership.start()
        self._thread.start()

    def stop(self) -> None:
        """End to be one."""
        self._stopping.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._leadership.stop()

    def _run(self) -> None:
        backoff = Backoff(first=0.2)
        try:
            while not self._stopping.is_set():
                self._changed.clear()
                if (lease := self.lease) is None:
                    self._changed.wait()
                elif not self._lead(lease, backoff):
                    self._stopping.wait(backoff.next())
        except Exception as error:  # noqa: BLE001 - whatever it is, the service can be made anew
            self._context.crashed(error)

    def _lead(self, lease: Lease, backoff: Backoff) -> bool:
        """Follow the log while the lease lasts; return whether it ended without trouble."""
        try:
            for raws in self._batches(lease):
                self._worker.take(lease, raws)
                self.trouble = None
                backoff.reset()
        except Fenced as late:
            self._context.note(logging.INFO, "stale owner was refused", epoch=lease.epoch, reason=str(late))
            return False
        except MidonetError as error:
            self.trouble = error.message
            return False
        return True

    def _batches(self, lease: Lease) -> Iterator[list[bytes]]:
        with closing(open_log(self._context.settings.log)) as log:
            after = self._worker.resume(lease)
            items = log.follow(after, stopped=lambda: self._over(lease), idle=_IDLE_SECONDS)
            yield from _gathered(items, lambda: self._over(lease))

    def _over(self, lease: Lease) -> bool:
        return self._stopping.is_set() or self.lease != lease


def _gathered(items: Iterable[Record | Progress], over: Callable[[], bool]) -> Iterator[list[bytes]]:
    """Yield the records that come together: up to the end of the log (perhaps none), or as many as fit in one batch."""
    raws: list[bytes] = []
    for item in items:
        if isinstance(item, Record):
            raws.append(item.raw)
        if isinstance(item, Progress) or len(raws) == BATCH:
            yield raws
            raws = []
        if over():
            return
