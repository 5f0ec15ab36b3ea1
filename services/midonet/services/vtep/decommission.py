"""Clears the OVSDB of deleted VTEPs, as soon as they are reachable and only if their rows come from this log.

Deleted VTEPs are found in the log, so none is missed if the daemon or the switch was down at the deletion.
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
"""Seconds before the log is scanned; current VTEPs have priority."""
_RAW_MARK = b'"vtep.deleted"'
"""Bytes that every commit with a deleted VTEP contains; other commits are not decoded."""


class Decommissioner(WorkerThread):
    """A thread that scans the log, then clears switches; an unreachable one delays the others by at most one time-out.

    The next one finds pending switches again in the log.
    """

    def __init__(self, feed: Feed, log: str) -> None:
        super().__init__("vteps-retired", self._run, patience=_STOP_SECONDS)
        self._feed = feed
        self._log = log
        self._lock = Lock()
        self._due: dict[Address, tuple[float, Backoff]] = {}
        self._errors: dict[Address, str] = {}

    def schedule(self, host: str, port: int) -> None:
        """Clear the switch at this address as soon as possible."""
        with self._lock:
            self._due[host, port] = monotonic(), Backoff(_FIRST_TRY, _LAST_TRY)
        self.wake()

    def cancel(self, host: str, port: int) -> None:
        """Do not clear the switch at this address: it is a VTEP again."""
        with self._lock:
            self._due.pop((host, port), None)

    def pending(self) -> dict[str, str]:
        """Return the switches that are not cleared yet, each with the reason."""
        with self._lock:
            return {f"{host}:{port}": self._errors.get((host, port), "not tried yet") for host, port in self._due}

    def _run(self) -> None:
        self._schedule_deleted()
        for _ in self.iterations():
            now = monotonic()
            for address in [address for address, (due, _) in self._snapshot() if due <= now]:
                self._attempt(address)
            pause = min((due for _, (due, _) in self._snapshot()), default=now + _LAST_TRY) - monotonic()
            self.wait(max(0.01, pause))

    def _snapshot(self) -> list[tuple[Address, tuple[float, Backoff]]]:
        with self._lock:
            return list(self._due.items())

    def _schedule_deleted(self) -> None:
        """Schedule all deleted VTEPs of the log; retry until the log can be read."""
        backoff = Backoff(_FIRST_TRY, _LAST_TRY)
        while not self.stopping():
            try:
                self._feed.wait_until_read(self.stopping)
                self.sleep(_HISTORY_DELAY)
                retired, end = self._deleted_vteps()
                self._feed.wait_for(end, self.stopping)
                with self._feed.reading() as topology:  # no VTEP can be created before they are scheduled
                    for address in retired.addresses(topology):
                        self.schedule(*address)
            except MidonetError as error:
                logfmt.log(logging.DEBUG, "deleted VTEPs cannot be read from the log", error=str(error))
                self.sleep(backoff.next())
            else:
                return

    def _deleted_vteps(self) -> tuple[Retired, int]:
        """Return all deleted VTEPs of the log, and the position up to which it was read."""
        retired, end = Retired(), 0
        with closing(open_log(self._log)) as log:
            for record in log.read():
                end += 1  # positions have no gaps
                if _RAW_MARK in record.raw:
                    retired.apply_events(record.commit.events)
                if self.stopping():
                    break
        return retired, end

    def _attempt(self, address: Address) -> None:
        try:
            self._clear(*address)
        except (MidonetError, Fenced, Unwritable) as error:
            self._errors[address] = str(error)
            logfmt.log(
                logging.DEBUG,
                "deleted VTEP is not cleared yet",
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
        logfmt.log(logging.INFO, "deleted VTEP cleared", target=f"{host}:{port}")

    def _is_of_this_log(self, checkpoint: Checkpoint) -> bool:
        """Whether the checkpoint is a commit of this log that the feed has reached."""
        try:
            known = self._feed.head_at(checkpoint.position)
        except NotFound:
            return False
        return known.hash == checkpoint.hash and self._feed.wait_for(checkpoint.position, self.stopping)

    def _is_in_topology(self, host: str, port: int) -> bool:
        with self._feed.reading() as topology:
            vteps = topology.all("vtep").values()
            return any((vtep.management_ip, vtep.management_port) == (host, port) for vtep in vteps)
