"""Linearizable reads: a read sees every commit that was acknowledged before it, on any node, as in etcd.

One thread reads the head of the log for all pending reads together and waits until the feed has read that position.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Event, Thread

from midonet.events.errors import MidonetError, Unavailable
from midonet.projections.engine.feed import Feed
from midonet.services.api.reads.log_pool import LogPool


class LinearizableReads:
    """Confirms reads against the log, from `start` to `stop`."""

    def __init__(self, feed: Feed, logs: LogPool, crashed: Callable[[BaseException], None]) -> None:
        self._feed = feed
        self._logs = logs
        self._crashed = crashed
        self._changed = Condition()
        self._waiting: list[Future[None]] = []
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="api-freshness", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Fail the pending reads and end the thread."""
        with self._changed:
            self._stopped.set()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def wait(self) -> Future[None]:
        """Return a future that completes when the feed has read the current head of the log, or fails."""
        future: Future[None] = Future()
        with self._changed:
            if self._stopped.is_set():
                future.set_exception(_stopping())
                return future
            self._waiting.append(future)
            self._changed.notify()
        return future

    def _run(self) -> None:
        try:
            while waiting := self._next_batch():
                _resolve(waiting, self._read_to_end())
        except Exception as error:  # noqa: BLE001 - the supervisor restarts the service
            self._crashed(error)

    def _next_batch(self) -> list[Future[None]]:
        """Wait for pending reads and return them; an empty list after `stop`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped.is_set())
            waiting, self._waiting = self._waiting, []
        if self._stopped.is_set():
            _resolve(waiting, _stopping())
            return []
        return waiting

    def _read_to_end(self) -> MidonetError | None:
        """Wait until the feed has read the head of the log; return the error if it cannot."""
        try:
            with self._logs.acquire() as log:
                self._wait_for_feed(log.head().position)
        except MidonetError as error:
            return error
        return _stopping() if self._stopped.is_set() else None

    def _wait_for_feed(self, position: int) -> None:
        if self._feed.head.position < position and not self._feed.wait_for(position, self._stopped.is_set):
            raise Unavailable(f"this node has not read the log up to position {position}; retry")


def _resolve(waiting: list[Future[None]], error: MidonetError | None) -> None:
    for future in waiting:
        if future.set_running_or_notify_cancel():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(type(error)(error.message, **error.details))


def _stopping() -> Unavailable:
    return Unavailable("the API is stopping; retry on another node")
