"""How services write: one store for the whole daemon, on a thread of its own, opened when it is first needed.

A service owns no truth. What it decides becomes a command on the log like anybody's, with the service's name as its
channel, or it does not happen.
"""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from midonet.events.command import Command
from midonet.events.errors import MidonetError, NotFound, Rejected
from midonet.events.log import Log
from midonet.events.log.store import Context, Result, Store

__all__ = ["Writer", "actor"]


def actor() -> str:
    """Return who a daemon is in the history."""
    return f"midonet-cluster@{socket.gethostname()}"


class Writer:
    """Runs commands, one after the other, on the log that `open_log` opens. May be called by any thread."""

    def __init__(self, open_log: Callable[[], Log]) -> None:
        self._open_log = open_log
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._store: Store | None = None

    def execute(self, command: Command, context: Context) -> Result:
        """Run a command and wait until it is durable; raises as `Store.execute`, and `Unavailable` without a log."""
        return self._thread.submit(self._execute, command, context).result()

    def close(self) -> None:
        """Close the log as soon as no command is under way; returns at once."""
        self._thread.submit(self._forget)
        self._thread.shutdown(wait=False)

    def _execute(self, command: Command, context: Context) -> Result:
        if self._store is None:
            self._store = self._open()
        try:
            return self._store.execute(command, context)
        except (Rejected, NotFound):
            raise
        except BaseException:
            self._forget()  # the next command begins with a fresh connection
            raise

    def _open(self) -> Store:
        log = self._open_log()
        try:
            return Store.open(log)
        except BaseException:
            log.close()
            raise

    def _forget(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            with suppress(MidonetError):
                store.log.close()
