"""The hub of all watchers of a node: it hears every commit from the feed and keeps the recent ones, once for everybody.

A watcher holds a position and no queue: what a thousand of them cost does not depend on how slow they are. One whose
next message is no longer here has been too slow, and is told so.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from midonet.events.commit import GENESIS, Head, Record
from midonet.events.evolve import Change
from midonet.events.topology import Topology
from midonet.projections.feed import Feed
from midonet.services.api.watch.messages import Message, message

__all__ = ["Hub"]

_KEPT = 10_000
_KEPT_BYTES = 64 * 1024 * 1024
_BATCH_BYTES = 128 * 1024
_TICK = 1.0


class Hub:
    """Belongs to the event loop that runs when it is made; only `hear` is called by another thread.

    What was heard waits until somebody looks: as long as nobody watches, a commit does not even wake the loop.
    """

    def __init__(self, feed: Feed, *, kept: int = _KEPT, strict: bool = False) -> None:
        self._feed = feed
        self._strict = strict
        self.kept = kept
        """How many commits are at hand for watchers."""
        self._loop = asyncio.get_running_loop()
        self._heard: deque[Message] = deque()
        self._messages: dict[int, Message] = {}
        self._size = 0
        self._watchers = 0
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
        self._heard.append(message(record, changes, topology, strict=self._strict))
        if self._watchers:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._wake)

    def _take(self) -> None:
        """Sort in what was heard, and forget what is too old."""
        while self._heard:
            heard = self._heard.popleft()
            self._head = heard.head
            self._messages[heard.head.position] = heard
            self._size += len(heard.record.raw)
        while len(self._messages) > self.kept or (self._size > _KEPT_BYTES and len(self._messages) > 1):
            oldest = self._messages.pop(next(iter(self._messages)))
            self._size -= len(oldest.record.raw)

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

    async def move(self) -> None:
        """Wait for a commit that nobody has looked at, for the end, or for about a second."""
        self._watchers += 1  # before the look: what is heard from now on wakes
        try:
            if not self._heard:
                await self._moved.wait()
        finally:
            self._watchers -= 1
