"""A service that takes a turn every so many seconds, on a thread of its own; what fails is for the next turn.

It does so on every node; one of them leads, and does what is to be done once.
"""

import logging
from abc import abstractmethod

from midonet.events.errors import MidonetError, Unavailable
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.services.cluster.coordination import Lease
from midonet.services.runtime.context import Context
from midonet.services.runtime.service import Health, Service


class Periodic(Service):
    """Calls `run_once`; what that raises besides our own errors ends this life of the service."""

    def __init__(self, context: Context, seconds: float) -> None:
        super().__init__(context)
        self._seconds = seconds
        self._problem: str | None = None
        self._leadership = context.leadership(lambda _: self._loop.wake())
        self._loop = WorkerThread(context.name, self._run, context.crashed)

    @abstractmethod
    def run_once(self) -> None:
        """Do what is due; `pause` says when to leave off."""

    def start(self) -> None:
        """Begin to take turns."""
        self._leadership.start()
        self._loop.start()

    def stop(self) -> None:
        """Take no more turns."""
        self._loop.stop()
        self._leadership.stop()

    @property
    def lease(self) -> Lease | None:
        """The lease by which this node leads, if it does."""
        return self._leadership.lease

    def pause(self, seconds: float) -> bool:
        """Wait within a turn; return whether to leave off."""
        return self._loop.pause(seconds)

    def health(self) -> Health:
        """It is well if its last turn was."""
        return Health(ok=self._problem is None, reason=self._problem)

    def _run(self) -> None:
        for _ in self._loop.turns():
            self._try_run()
            self._loop.rest(self._seconds)

    def _try_run(self) -> None:
        try:
            self.run_once()
        except MidonetError as error:
            if self._problem is None:  # a server that is away is told by those who keep something there
                level = logging.DEBUG if isinstance(error, Unavailable) else logging.WARNING
                self.context.log(level, "a turn was missed", reason=error.message)
            self._problem = error.message
        else:
            self._problem = None
