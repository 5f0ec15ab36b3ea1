"""Ask a log where it ends now: a follower knows which commits came, but not that no more have come.

A log that is an SQL server is asked through a connection that stays open: to open one takes ten times as long as the
question. On Kafka each question begins at a commit that is known, whatever came since the last one.
"""

from collections.abc import Callable
from threading import Lock

from midonet.events.errors import MidonetError, NotFound
from midonet.events.log.base import Bookmark, Log


class LogEnd:
    """Asks the log that `open_log` opens; for any thread, one after the other."""

    def __init__(self, open_log: Callable[[], Log]) -> None:
        self._open_log = open_log
        self._lock = Lock()
        self._log: Log | None = None

    def end(self, known: Bookmark) -> int | None:
        """Return where the log ends now, None if it cannot be asked; `known` is a commit that it had, a late one.

        That takes no longer the more there is of it.
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
    """Return where a log ends; that nothing comes after what is known is told without reading the last commit."""
    try:
        log.head_at(known + 1)
    except NotFound as beyond:
        end: int = beyond.details["end"]
        return end
    return log.head().position
