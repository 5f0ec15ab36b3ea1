"""The hub of all watchers of a node: it hears every commit from the feed and keeps the recent ones, once for everybody.

A watcher holds a position and no queue: what a thousand of them cost does not depend on how slow they are. One whose
next message is no longer here has been too slow, and is told so. As long as nobody watches, nothing is kept: it is in
the log.
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

_KEPT = 10_000
_KEPT_BYTES = 64 * 1024 * 1024
_BATCH_BYTES = 128 * 1024
_TICK = 1.0
_LINGER = 60.0
"""Seconds for which commits are kept after the last watcher left: most of them come back."""


class Hub:
    """Belongs to the event loop that runs when it is made; only `hear` is called by another thread.

    What was heard waits until somebody looks: as long as nobody waits for it, a commit does not even wake the loop.
    """

    def __init__(self, feed: Feed, *, kept: int = _KEPT, strict: bool = False) -> None:
        self._feed = feed
        self._strict = strict
        self.kept = kept
        """How many commits are at hand for watchers."""
        self._loop = asyncio.get_running_loop()
        self._heard: deque[Message | Head] = deque()
        """Commits, or no more than where they are."""
        self._messages: dict[int, Message] = {}
        self._size = 0
        self._watchers = self._waiting = 0
        self._left = -_LINGER
        """When a watcher left last."""
        self._moved = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None
        self._head: Head = GENESIS
        self.closed = False

    @property
    def head(self) -> Head:
        """The last commit that was heard."""
        self._take()
        return self._head

    @property
    def first(self) -> int:
        """The first position that is here, or will be."""
        self._take()
        return next(iter(self._messages), self._head.position + 1)

    def start(self) -> None:
        """Begin to hear."""
        self._head = self._feed.listen(self.hear)
        self._ticker = self._loop.create_task(self._tick())

    def stop(self) -> None:
        """Send everybody away."""
        self._feed.unlisten(self.hear)
        self.closed = True
        if self._ticker is not None:
            self._ticker.cancel()
        self._wake()

    def hear(self, record: Record, changes: Sequence[Change], topology: Topology) -> None:
        """Take note of a commit; called by the feed."""
        if self._watchers or monotonic() - self._left < _LINGER:
            self._heard.append(message(record, changes, topology, strict=self._strict))
        else:
            self._heard.append(record.head)
        if self._waiting:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._wake)

    def _take(self) -> None:
        """Sort in what was heard, and forget what is too old."""
        while self._heard:
            self._sort_in(self._heard.popleft())
        while len(self._messages) > self.kept or (self._size > _KEPT_BYTES and len(self._messages) > 1):
            oldest = self._messages.pop(next(iter(self._messages)))
            self._size -= len(oldest.record.raw)

    def _sort_in(self, heard: Message | Head) -> None:
        if isinstance(heard, Head):
            self._head, self._size = heard, 0
            self._messages.clear()
            return
        self._head = heard.head
        self._messages[heard.head.position] = heard
        self._size += len(heard.record.raw)

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._take()
            self._wake()

    def after(self, position: int) -> Sequence[Message]:
        """Return the messages after a position, not too many at once; none if there are none yet."""
        self._take()
        found: list[Message] = []
        size = 0
        while size < _BATCH_BYTES and (heard := self._messages.get(position + 1)) is not None:
            found.append(heard)
            position, size = position + 1, size + len(heard.record.raw)
        return found

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep every commit that is heard meanwhile."""
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            self._left = monotonic()

    async def move(self) -> None:
        """Wait for a commit that nobody has looked at, for the end, or for about a second."""
        self._waiting += 1  # before the look: what is heard from now on wakes
        try:
            if not self._heard:
                await self._moved.wait()
        finally:
            self._waiting -= 1
