"""Logs for threads that come and go: one that is open is lent to one thread at a time, and kept for the next.

Opening a log can be slow (Kafka reads all of its topic), and an instance belongs to one thread at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from midonet.events.errors import NotFound, Rejected
from midonet.events.log import Log

_KEPT = 4


class Logs:
    """Lends logs that `open_log` opens."""

    def __init__(self, open_log: Callable[[], Log]) -> None:
        self._open = open_log
        self._free: list[Log] = []
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[Log]:
        """Lend a log; one that failed is not used again."""
        with self._lock:
            log = self._free.pop() if self._free else None
        log = log or self._open()
        try:
            yield log
        except (NotFound, Rejected):
            self._keep(log)
            raise
        except BaseException:
            log.close()
            raise
        self._keep(log)

    def _keep(self, log: Log) -> None:
        with self._lock:
            keep = not self._closed and len(self._free) < _KEPT
            if keep:
                self._free.append(log)
        if not keep:
            log.close()

    def close(self) -> None:
        """Close what is not lent at the moment; the rest is closed when it comes back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for log in free:
            log.close()
