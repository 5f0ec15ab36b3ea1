"""The one writer of a node: commands of all clients wait in one queue, and what waits together is written together.

Nothing is decided here. A writer that broke down is made anew by the next command; a log that cannot be reached is an
error of that command and of no other thing.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

from midonet.events.command import Command
from midonet.events.errors import Unavailable
from midonet.events.log.combining import CombiningWriter
from midonet.events.log.store import Context, Result, Store

__all__ = ["Writer"]


class Writer:
    """Submits commands to a `CombiningWriter` that is started when the first one comes; any thread may."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._lock = Lock()
        self._writer: CombiningWriter | None = None
        self._stopped = False

    def submit(self, command: Command, context: Context, *, dry_run: bool = False) -> Future[Result]:
        """Return the promise of the result; raises as `CombiningWriter.submit`, and as opening the log does."""
        return self._running().submit(command, context, dry_run=dry_run)

    def _running(self) -> CombiningWriter:
        with self._lock:
            if self._stopped:
                raise Unavailable("the API is being stopped; nothing was done")
            if self._writer is None or not self._writer.alive:
                writer = CombiningWriter(self._open_store)
                writer.start()
                self._writer = writer
            return self._writer

    def stop(self) -> None:
        """Answer what was accepted, and refuse the rest."""
        with self._lock:
            self._stopped = True
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.stop()
