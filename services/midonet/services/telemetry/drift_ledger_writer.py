"""Writes drift records to the ledger in ZooKeeper, where they outlive the daemon.

A thread of its own writes them, so that repairs never wait for ZooKeeper; failed writes are retried.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from weakref import WeakKeyDictionary

from midonet.events.errors import MidonetError
from midonet.projections.engine.drift import RecentDrift
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.projections.zookeeper.drift_ledger import DriftLedger
from midonet.services.runtime.hosted_projection import HostedProjection

_PAUSE = 0.5
"""Seconds between two checks for new records."""


class DriftLedgerWriter(WorkerThread):
    """A thread that writes the drift records of the projections that `hosted` returns."""

    def __init__(self, hosted: Callable[[], Sequence[HostedProjection]], ledger: Callable[[], DriftLedger]) -> None:
        super().__init__("repairs", self._run)
        self._hosted = hosted
        self._ledger = ledger
        self._written: WeakKeyDictionary[RecentDrift, int] = WeakKeyDictionary()

    def _run(self) -> None:
        while not self._pending() and not self.sleep(_PAUSE):
            pass  # open a session only if there is drift
        if not self._pending():
            return
        with closing(self._ledger()) as ledger:
            while True:
                last = self.stopping()
                self._write(ledger)
                if last:
                    return
                self.sleep(_PAUSE)

    def _pending(self) -> list[HostedProjection]:
        return [hosted for hosted in self._hosted() if len(hosted.repairs) > self._written.get(hosted.repairs, 0)]

    def _write(self, ledger: DriftLedger) -> None:
        for hosted in self._pending():
            seen, total = self._written.get(hosted.repairs, 0), len(hosted.repairs)
            try:
                ledger.add(hosted.name, hosted.target, hosted.repairs.since(seen))
            except MidonetError as error:
                logfmt.log(logging.WARNING, "drift records not written yet", target=hosted.target, error=error.message)
                return
            self._written[hosted.repairs] = total
