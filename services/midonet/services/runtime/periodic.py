"""Base class of services that run at a fixed interval, in a thread of their own.

They run on every node; the leader does what must be done once per cluster. A failed run is retried at the next
interval.
"""

import logging
from abc import abstractmethod

from midonet.events.errors import MidonetError, Unavailable
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.services.cluster.coordination import Lease
from midonet.services.runtime.context import Context
from midonet.services.runtime.service import Health, Service


class Periodic(Service):
    """Calls `run_once`; an exception other than `MidonetError` crashes the service."""

    def __init__(self, context: Context, seconds: float) -> None:
        super().__init__(context)
        self._seconds = seconds
        self._problem: str | None = None
        self._leadership = context.leadership(lambda _: self._loop.wake())
        self._loop = WorkerThread(context.name, self._run, context.crashed)

    @abstractmethod
    def run_once(self) -> None:
        """Do what is due; return early when `pause` returns True."""

    def start(self) -> None:
        """Start to run."""
        self._leadership.start()
        self._loop.start()

    def stop(self) -> None:
        """Stop to run."""
        self._loop.stop()
        self._leadership.stop()

    @property
    def lease(self) -> Lease | None:
        """The lease by which this node leads, if it does."""
        return self._leadership.lease

    def pause(self, seconds: float) -> bool:
        """Wait within a run; return whether the service is being stopped."""
        return self._loop.sleep(seconds)

    def health(self) -> Health:
        """Return healthy if the last run succeeded."""
        return Health(ok=self._problem is None, reason=self._problem)

    def _run(self) -> None:
        for _ in self._loop.iterations():
            self._try_run()
            self._loop.wait(self._seconds)

    def _try_run(self) -> None:
        try:
            self.run_once()
        except MidonetError as error:
            if self._problem is None:  # an unreachable server is logged by the services that write to it
                level = logging.DEBUG if isinstance(error, Unavailable) else logging.WARNING
                self.context.log(level, "run skipped", reason=error.message)
            self._problem = error.message
        else:
            self._problem = None
