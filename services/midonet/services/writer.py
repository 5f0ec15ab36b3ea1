"""How services write: one store for the whole daemon, opened when it is first needed, and anew when it broke.

A service owns no truth. What it decides becomes a command on the log like anybody's, with the service's name as its
channel, or it does not happen.
"""

import socket
from collections.abc import Callable
from threading import Lock, Thread

from midonet.events.command import Command
from midonet.events.errors import NotFound, Rejected
from midonet.events.log import Log
from midonet.events.log.combining import CombiningWriter
from midonet.events.log.store import Context, Result, Store

__all__ = ["Writer", "actor"]


def actor() -> str:
    """Return who a daemon is in the history."""
    return f"midonet-cluster@{socket.gethostname()}"


class Writer:
    """Runs commands on the log that `open_log` opens; those that wait at the same time share what durability costs.

    May be called by any thread.
    """

    def __init__(self, open_log: Callable[[], Log]) -> None:
        self._open_log = open_log
        self._lock = Lock()
        self._writer: CombiningWriter | None = None

    def execute(self, command: Command, context: Context) -> Result:
        """Run a command and wait until it is durable; raises as `Store.execute`, and `Unavailable` without a log."""
        writer = self._opened()
        try:
            return writer.execute(command, context)
        except (Rejected, NotFound):
            raise
        except BaseException:
            self._forget(writer)  # the next command begins with a fresh connection
            raise

    def close(self) -> None:
        """Close the log as soon as no command is under way; returns at once."""
        self._forget(self._writer)

    def _opened(self) -> CombiningWriter:
        with self._lock:
            if self._writer is None:
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

    def _forget(self, writer: CombiningWriter | None) -> None:
        with self._lock:
            if writer is None or writer is not self._writer:
                return
            self._writer = None
        Thread(target=writer.stop, name="writer-close", daemon=True).start()  # a log that hangs delays nobody
