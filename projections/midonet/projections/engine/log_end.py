"""Reads the present end of a log: without it, a follower cannot distinguish a quiet log from a delayed one.

The connection to an SQL server stays open, because opening one takes ten times as long as the query. On Kafka each read
begins at a known commit.
"""

from collections.abc import Callable
from threading import Lock

from midonet.events.errors import MidonetError, NotFound
from midonet.events.log.base import Bookmark, Log


class LogEnd:
    """Reads the end of the log that `open_log` opens; any thread may call it, one at a time."""

    def __init__(self, open_log: Callable[[], Log]) -> None:
        self._open_log = open_log
        self._lock = Lock()
        self._log: Log | None = None

    def end(self, known: Bookmark) -> int | None:
        """Return the present end of the log, None if it cannot be read; `known` is a recent commit of the log.

        The cost does not depend on the length of the log.
        """
        with self._lock:
            try:
                end = self._ask(known)
            except MidonetError:
                end = None
            if end is None or known.offset_hint is not None:
                self._disconnect()
        return end

    def close(self) -> None:
        """Release the connection."""
        with self._lock:
            self._disconnect()

    def _ask(self, known: Bookmark) -> int:
        if self._log is None:
            self._log = self._open_log()
        if known.offset_hint is not None:
            self._log.seek(known)
        return _end_of(self._log, known.position)

    def _disconnect(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            log.close()


def _end_of(log: Log, known: int) -> int:
    """Return the end of a log; the last commit is read only if it is after the known one."""
    try:
        log.head_at(known + 1)
    except NotFound as beyond:
        end: int = beyond.details["end"]
        return end
    return log.head().position
