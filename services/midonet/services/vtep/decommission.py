"""Clears switches that are VTEPs no more: as soon as they can be reached, and only if what they hold is of this log.

Which they are is in the log's history, so none is forgotten, whatever was away or down when a VTEP was deleted.
"""

import logging
from contextlib import closing
from threading import Lock
from time import monotonic

from midonet.events.backoff import Backoff
from midonet.events.errors import MidonetError, NotFound
from midonet.events.log import open_log
from midonet.projections.base import Checkpoint, Fenced, Unwritable
from midonet.projections.engine.feed import Feed
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.projections.vtep import Retired, VtepTarget, read_checkpoint

Address = tuple[str, int]
_FIRST_TRY, _LAST_TRY = 1.0, 60.0
_STOP_SECONDS = 2.0
_HISTORY_DELAY = 1.0
"""Seconds before the history is read: what is to be served now goes first."""
_RAW_MARK = b'"vtep.deleted"'
"""What the bytes of a commit must hold to be worth decoding."""


class Decommissioner:
    """A thread of its own; one switch that is away delays the others by no more than a time-out."""

    def __init__(self, feed: Feed, log: str) -> None:
        self._feed = feed
        self._log = log
        self._lock = Lock()
        self._due: dict[Address, tuple[float, Backoff]] = {}
        self._errors: dict[Address, str] = {}
        self._loop = WorkerThread("vteps-retired", self._run)

    def start(self) -> None:
        """Begin: look into the history, then try."""
        self._loop.start()

    def stop(self) -> None:
        """End; what was not cleared yet is found again in the history."""
        self._loop.stop(_STOP_SECONDS)

    def schedule(self, host: str, port: int) -> None:
        """Clear the switch at this address, now if possible."""
        with self._lock:
            self._due[host, port] = monotonic(), Backoff(_FIRST_TRY, _LAST_TRY)
        self._loop.wake()

    def cancel(self, host: str, port: int) -> None:
        """Leave the switch at this address alone: it is a VTEP again."""
        with self._lock:
            self._due.pop((host, port), None)

    def pending(self) -> dict[str, str]:
        """Return the switches that have yet to be cleared, with the reason."""
        with self._lock:
            return {f"{host}:{port}": self._errors.get((host, port), "not tried yet") for host, port in self._due}

    def _run(self) -> None:
        self._schedule_deleted()
        for _ in self._loop.iterations():
            now = monotonic()
            for address in [address for address, (due, _) in self._snapshot() if due <= now]:
                self._attempt(address)
            pause = min((due for _, (due, _) in self._snapshot()), default=now + _LAST_TRY) - monotonic()
            self._loop.wait(max(0.01, pause))

    def _snapshot(self) -> list[tuple[Address, tuple[float, Backoff]]]:
        with self._lock:
            return list(self._due.items())

    def _schedule_deleted(self) -> None:
        """Read in the log which VTEPs were deleted; try for as long as it cannot be read."""
        backoff = Backoff(_FIRST_TRY, _LAST_TRY)
        while not self._loop.stopping():
            try:
                self._feed.wait_until_read(self._loop.stopping)
                self._loop.sleep(_HISTORY_DELAY)
                retired, end = self._deleted_vteps()
                self._feed.wait_for(end, self._loop.stopping)
                with self._feed.reading() as topology:  # nobody can create one of them until they are noted
                    for address in retired.addresses(topology):
                        self.schedule(*address)
            except MidonetError as error:
                logfmt.log(logging.DEBUG, "history of VTEPs cannot be read", error=str(error))
                self._loop.sleep(backoff.next())
            else:
                return

    def _deleted_vteps(self) -> tuple[Retired, int]:
        """Return the VTEPs that were ever deleted, and the position up to which that is known."""
        retired, end = Retired(), 0
        with closing(open_log(self._log)) as log:
            for record in log.read():
                end += 1  # positions have no gaps
                if _RAW_MARK in record.raw:
                    retired.apply_events(record.commit.events)
                if self._loop.stopping():
                    break
        return retired, end

    def _attempt(self, address: Address) -> None:
        try:
            self._clear(*address)
        except (MidonetError, Fenced, Unwritable) as error:
            self._errors[address] = str(error)
            logfmt.log(
                logging.DEBUG,
                "deleted VTEP keeps its rows for now",
                target=f"{address[0]}:{address[1]}",
                reason=str(error),
            )
            with self._lock:
                if address in self._due:
                    _, backoff = self._due[address]
                    self._due[address] = monotonic() + backoff.next(), backoff
        else:
            self.cancel(*address)

    def _clear(self, host: str, port: int) -> None:
        checkpoint = read_checkpoint(host, port)
        if checkpoint == Checkpoint() or not self._is_of_this_log(checkpoint) or self._is_in_topology(host, port):
            return
        with closing(VtepTarget(host, port)) as target:
            target.clear()
        logfmt.log(logging.INFO, "cleared a VTEP that was deleted", target=f"{host}:{port}")

    def _is_of_this_log(self, checkpoint: Checkpoint) -> bool:
        """Whether this log was written there; then all is known that whoever wrote it knew."""
        try:
            known = self._feed.head_at(checkpoint.position)
        except NotFound:
            return False
        return known.hash == checkpoint.hash and self._feed.wait_for(checkpoint.position, self._loop.stopping)

    def _is_in_topology(self, host: str, port: int) -> bool:
        with self._feed.reading() as topology:
            vteps = topology.all("vtep").values()
            return any((vtep.management_ip, vtep.management_port) == (host, port) for vtep in vteps)
