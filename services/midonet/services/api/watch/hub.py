"""The hub of a node's watchers: it receives every commit from the feed and buffers the recent ones, once for all.

A watcher holds a position and no queue, so memory does not depend on the number of slow watchers. A watcher whose next
message is no longer buffered was too slow and gets an `end`. Without watchers nothing is buffered.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic

from midonet.events.commit import GENESIS, Head, Record
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.engine.feed import Feed
from midonet.services.api.watch.messages import Message, message

_CAPACITY = 10_000
_CAPACITY_BYTES = 64 * 1024 * 1024
_BATCH_BYTES = 128 * 1024
_TICK = 1.0
_RETENTION_SECONDS = 60.0
"""Seconds for which commits are buffered after the last watcher left: most watchers reconnect."""


class Hub:
    """Belongs to the event loop of its constructor; only `on_commit` is called by another thread.

    Received commits are queued until a watcher reads; without a waiting watcher a commit does not wake the loop.
    """

    def __init__(self, feed: Feed, *, capacity: int = _CAPACITY, strict: bool = False) -> None:
        self._feed = feed
        self._strict = strict
        self.capacity = capacity
        """Maximum number of buffered commits."""
        self._loop = asyncio.get_running_loop()
        self._received: deque[Message | Head] = deque()
        """Received messages, or only heads while there are no watchers."""
        self._messages: dict[int, Message] = {}
        self._size = 0
        self._watchers = self._waiting = 0
        self._last_left = -_RETENTION_SECONDS
        """Time at which the last watcher left."""
        self._changed = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None
        self._head: Head = GENESIS
        self.closed = False

    @property
    def head(self) -> Head:
        """Head of the last received commit."""
        self._drain()
        return self._head

    @property
    def first(self) -> int:
        """First buffered position, or the next one."""
        self._drain()
        return next(iter(self._messages), self._head.position + 1)

    def start(self) -> None:
        """Subscribe to the feed."""
        self._head = self._feed.add_listener(self.on_commit)
        self._ticker = self._loop.create_task(self._tick())

    def stop(self) -> None:
        """Unsubscribe and end all watches."""
        self._feed.remove_listener(self.on_commit)
        self.closed = True
        if self._ticker is not None:
            self._ticker.cancel()
        self._wake()

    def on_commit(self, record: Record, changes: Sequence[Change], topology: Topology) -> None:
        """Queue a commit; called by the feed's thread."""
        if self._watchers or monotonic() - self._last_left < _RETENTION_SECONDS:
            self._received.append(message(record, changes, topology, strict=self._strict))
        else:
            self._received.append(record.head)
        if self._waiting:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._wake)

    def _drain(self) -> None:
        """Buffer the received commits and evict the oldest ones."""
        while self._received:
            self._add(self._received.popleft())
        while len(self._messages) > self.capacity or (self._size > _CAPACITY_BYTES and len(self._messages) > 1):
            oldest = self._messages.pop(next(iter(self._messages)))
            self._size -= len(oldest.record.raw)

    def _add(self, received: Message | Head) -> None:
        if isinstance(received, Head):
            self._head, self._size = received, 0
            self._messages.clear()
            return
        self._head = received.head
        self._messages[received.head.position] = received
        self._size += len(received.record.raw)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._drain()
            self._wake()

    def after(self, position: int) -> Sequence[Message]:
        """Return the next messages after a position, up to `_BATCH_BYTES`."""
        self._drain()
        found: list[Message] = []
        size = 0
        while size < _BATCH_BYTES and (received := self._messages.get(position + 1)) is not None:
            found.append(received)
            position, size = position + 1, size + len(received.record.raw)
        return found

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Buffer every commit that is received meanwhile."""
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            self._last_left = monotonic()

    async def wait(self) -> None:
        """Wait for a commit, for `stop`, or for about a second."""
        self._waiting += 1  # before the check, so that a later commit wakes the loop
        try:
            if not self._received:
                await self._changed.wait()
        finally:
            self._waiting -= 1
