"""Reads that see all that was acknowledged before they came, on whichever node: as etcd's, they ask the log first.

One thread asks the log for its end, for all who wait at that time, and waits until the feed has read that far. The
feed is then at least where the log was when the question was asked.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Event, Thread

from midonet.events.errors import MidonetError, Unavailable
from midonet.projections.engine.feed import Feed
from midonet.services.api.reads.log_pool import LogPool


class LinearizableReads:
    """Runs from `start` to `stop`."""

    def __init__(self, feed: Feed, logs: LogPool, crashed: Callable[[BaseException], None]) -> None:
        self._feed = feed
        self._logs = logs
        self._crashed = crashed
        self._changed = Condition()
        self._waiting: list[Future[None]] = []
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="api-freshness", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Turn down whoever still waits."""
        with self._changed:
            self._stopped.set()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def wait(self) -> Future[None]:
        """Return a promise that the feed has read what the log holds now; it fails as the log does."""
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
        except Exception as error:  # noqa: BLE001 - the service is made anew
            self._crashed(error)

    def _next_batch(self) -> list[Future[None]]:
        """Wait for somebody; return all who wait, nobody once it is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped.is_set())
            waiting, self._waiting = self._waiting, []
        if self._stopped.is_set():
            _resolve(waiting, _stopping())
            return []
        return waiting

    def _read_to_end(self) -> MidonetError | None:
        """Let the feed read what the log holds now; return why it cannot, if so."""
        try:
            with self._logs.acquire() as log:
                self._wait_for_feed(log.head().position)
        except MidonetError as error:
            return error
        return _stopping() if self._stopped.is_set() else None

    def _wait_for_feed(self, position: int) -> None:
        if self._feed.head.position < position and not self._feed.reach(position, self._stopped.is_set):
            raise Unavailable(f"this node has not read the log up to position {position}; ask again")


def _resolve(waiting: list[Future[None]], error: MidonetError | None) -> None:
    for future in waiting:
        if future.set_running_or_notify_cancel():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(type(error)(error.message, **error.details))


def _stopping() -> Unavailable:
    return Unavailable("the API is being stopped; ask another node")
