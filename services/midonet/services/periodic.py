"""A service that takes a turn every so many seconds, on a thread of its own; what fails is for the next turn."""

import logging
from abc import abstractmethod
from threading import Event, Thread

from midonet.events.errors import MidonetError, Unavailable
from midonet.services.context import Context
from midonet.services.service import Health, Service

__all__ = ["Periodic"]


class Periodic(Service):
    """Calls `turn`; what that raises besides our own errors ends this life of the service."""

    def __init__(self, context: Context, seconds: float) -> None:
        super().__init__(context)
        self._seconds = seconds
        self._trouble: str | None = None
        self._wake = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=context.name, daemon=True)

    @abstractmethod
    def turn(self) -> None:
        """Do what is due; `stopping` says when to leave off."""

    def start(self) -> None:
        """Begin to take turns."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more turns."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def hurry(self) -> None:
        """Take the next turn now."""
        self._wake.set()

    def pause(self, seconds: float) -> bool:
        """Wait within a turn; return whether to leave off."""
        return self._stopping.wait(seconds)

    def health(self) -> Health:
        """It is well if its last turn was."""
        return Health(ok=self._trouble is None, reason=self._trouble)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                self._take_turn()
                self._wake.wait(self._seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is, the service can be made anew
            self.context.crashed(error)

    def _take_turn(self) -> None:
        try:
            self.turn()
        except MidonetError as error:
            if self._trouble is None:  # a server that is away is told by those who keep something there
                level = logging.DEBUG if isinstance(error, Unavailable) else logging.WARNING
                self.context.note(level, "a turn was missed", reason=error.message)
            self._trouble = error.message
        else:
            self._trouble = None
