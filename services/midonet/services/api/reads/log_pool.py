"""A pool of open logs for threads.

Opening a log can be slow (a Kafka topic is read to its end), and an instance must be used by one thread at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from midonet.events.errors import NotFound, Rejected
from midonet.events.log import Log

_MAX_IDLE = 4


class LogPool:
    """Pool of logs that `open_log` opens; up to `_MAX_IDLE` stay open."""

    def __init__(self, open_log: Callable[[], Log]) -> None:
        self._open = open_log
        self._idle: list[Log] = []
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def acquire(self) -> Iterator[Log]:
        """Yield a log; one that failed is closed."""
        with self._lock:
            log = self._idle.pop() if self._idle else None
        log = log or self._open()
        try:
            yield log
        except (NotFound, Rejected):
            self._release(log)
            raise
        except BaseException:
            log.close()
            raise
        self._release(log)

    def _release(self, log: Log) -> None:
        with self._lock:
            idle = not self._closed and len(self._idle) < _MAX_IDLE
            if idle:
                self._idle.append(log)
        if not idle:
            log.close()

    def close(self) -> None:
        """Close the idle logs; those in use are closed on release."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for log in idle:
            log.close()
