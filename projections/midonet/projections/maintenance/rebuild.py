"""What the rebuilds of all views share: their inputs and reports, and a projection that runs until it is up to date."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from midonet.events.commit import Head, Record
from midonet.events.errors import Unavailable
from midonet.events.log import Log
from midonet.events.topology.topology import Topology
from midonet.projections.base import Projection, Target
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.maintenance.compare import Differences

_PAUSE = 0.005
PROGRESS_SECONDS = 30.0
"""Seconds without progress after which a rebuild fails."""


class LogSource(NamedTuple):
    """The log that views are rebuilt from."""

    open: Callable[[], Log]
    head: Callable[[], Head]
    topology_at: Callable[[int], Topology]
    """Returns the topology at a position, or at the end of the log if that is earlier."""
    records: Callable[[Head], Iterator[Record]]


class Progress(Protocol):
    """Shows the progress of work; the caller passes the number of steps just done to the yielded function."""

    def __call__(
        self, what: str, total: int | Callable[[], int] | None = None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Begin a piece of work; `total` is its number of steps, or a function that counts them."""


class Monitor(NamedTuple):
    """How a rebuild reports to the person who started it."""

    note: Callable[[str], object]
    progress: Progress


class RebuildReport(Struct):
    """The result of rebuilding or comparing one view."""

    projection: str
    target: str
    position: int
    generation: str | None = None
    previous: str | None = None
    removed: list[str] = []
    differences: Differences | None = None


@contextmanager
def following(source: LogSource, monitor: Monitor) -> Iterator[Feed]:
    """Follow the log; the feed has read it to its present end."""
    feed = Feed(source.open, idle=0.2)
    feed.start()
    try:
        with monitor.progress("reading the log", source.head().position):
            feed.wait_until_read(lambda: feed.error is not None)
        if feed.error is not None:
            raise feed.error
        yield feed
    finally:
        feed.stop()


def bring_up_to_date(
    feed: Feed,
    projection: Projection[Any, Any],
    target: Target[Any, Any],
    done: Callable[[int], bool],
    **options: Any,
) -> None:
    """Keep a target equal to a projection until `done` is true of the target's position.

    Raises `VerificationFailed` if the log does not contain the target's checkpoint, `Unavailable` after a time without
    progress.
    """
    projection.name = "rebuild"  # so that controls of the live projection do not apply
    with closing(_RunningProjection(Runner(feed, projection, target, **options), feed)) as running:
        while not done(running.position()):
            time.sleep(_PAUSE)


class _RunningProjection:
    """A runner with a caller that waits for its position."""

    def __init__(self, runner: Runner[Any, Any], feed: Feed) -> None:
        self._runner = runner
        self._feed = feed
        self._moved = time.monotonic()
        self._last = -1
        runner.start()

    def position(self) -> int:
        """Return the target's position, -1 while it is not live; raise if it makes no progress."""
        status = self._runner.status()
        if status.state == "parked":
            raise self._runner.error or self._feed.error or Unavailable("the log cannot be read")
        if status.position != self._last or status.state == "live":
            self._last, self._moved = status.position, time.monotonic()
        if status.error is not None and time.monotonic() - self._moved > PROGRESS_SECONDS:
            raise Unavailable(status.error)
        return status.position if status.state == "live" else -1

    def close(self) -> None:
        """Stop; the written values stay."""
        self._runner.stop()
