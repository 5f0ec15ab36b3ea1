"""How services write: one writer for the whole daemon, opened when it is first needed, for everybody at the same time.

Commands of all services and of the API's clients wait in one queue, and what waits together is written together. A
service owns no truth. What it decides becomes a command on the log like anybody's, with the service's name as its
channel, or it does not happen.
"""

import socket
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread

from midonet.events.command import Command
from midonet.events.errors import Unavailable
from midonet.events.log import Log
from midonet.events.log.combining import CombiningWriter
from midonet.events.log.store import Context, Result, Store

__all__ = ["Writer", "actor"]


def actor() -> str:
    """Return who a daemon is in the history."""
    return f"midonet-cluster@{socket.gethostname()}"


class Writer:
    """Runs commands on the log that `open_log` opens. May be called by any thread.

    A writer that broke down is made anew by the next command.
    """

    def __init__(self, open_log: Callable[[], Log]) -> None:
        self._open_log = open_log
        self._lock = Lock()
        self._writer: CombiningWriter | None = None
        self._closed = False

    def execute(self, command: Command, context: Context) -> Result:
        """Run a command and wait until it is durable; raises as `Store.execute`, and `Unavailable` without a log."""
        return self.submit(command, context).result()

    def submit(self, command: Command, context: Context, *, dry_run: bool = False) -> Future[Result]:
        """Return the promise of what becomes of a command; raises as `CombiningWriter.submit`.

        The first one waits until the log is open.
        """
        return self._running().submit(command, context, dry_run=dry_run)

    def close(self) -> None:
        """Let what was accepted be answered, and close the log then; returns at once."""
        with self._lock:
            self._closed = True
            writer, self._writer = self._writer, None
        if writer is not None:
            Thread(target=writer.stop, name="writer-end", daemon=True).start()

    def _running(self) -> CombiningWriter:
        with self._lock:
            if self._closed:
                raise Unavailable("this node is being stopped; nothing was done")
            if self._writer is None or not self._writer.alive:
                writer = CombiningWriter(self._open)
                writer.start()
                self._writer = writer
            return self._writer

    def _open(self) -> Store:
        log = self._open_log()
        try:
            return Store.open(log)
        except BaseException:
            log.close()
            raise
