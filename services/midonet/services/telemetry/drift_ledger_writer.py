"""Carries what was repaired to the ledger in ZooKeeper, where it outlives the daemon.

It has a thread of its own, so that no repair waits for ZooKeeper; what cannot be written yet is kept and tried again.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from weakref import WeakKeyDictionary

from midonet.events.errors import MidonetError
from midonet.projections.engine.drift import Repairs
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.projections.zookeeper.drift_ledger import Ledger
from midonet.services.runtime.hosted_projection import HostedProjection

_PAUSE = 0.5
"""Seconds between two looks at whether there is something to write."""


class DriftLedgerWriter:
    """Writes the repairs of what `hosted` returns from `start` to `stop`."""

    def __init__(self, hosted: Callable[[], Sequence[HostedProjection]], ledger: Callable[[], Ledger]) -> None:
        self._hosted = hosted
        self._ledger = ledger
        self._written: WeakKeyDictionary[Repairs, int] = WeakKeyDictionary()
        self._loop = WorkerThread("repairs", self._run)

    def start(self) -> None:
        """Begin."""
        self._loop.start()

    def stop(self, seconds: float) -> None:
        """Write what there is, unless that takes too long."""
        self._loop.stop(seconds)

    def _run(self) -> None:
        while not self._pending() and not self._loop.pause(_PAUSE):
            pass  # most daemons never need the session of a ledger
        if not self._pending():
            return
        with closing(self._ledger()) as ledger:
            while True:
                last = self._loop.stopping()
                self._write(ledger)
                if last:
                    return
                self._loop.pause(_PAUSE)

    def _pending(self) -> list[HostedProjection]:
        return [hosted for hosted in self._hosted() if len(hosted.repairs) > self._written.get(hosted.repairs, 0)]

    def _write(self, ledger: Ledger) -> None:
        for hosted in self._pending():
            seen, total = self._written.get(hosted.repairs, 0), len(hosted.repairs)
            try:
                ledger.add(hosted.name, hosted.target, hosted.repairs.since(seen))
            except MidonetError as error:
                logfmt.log(logging.WARNING, "repairs are not on record yet", target=hosted.target, error=error.message)
                return
            self._written[hosted.repairs] = total
