"""Rebuilds views from the log: the next generation of the view for agents, and the rows of switches.

The daemon continues to update the live view. An interrupted rebuild is continued by the next one.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from typing import Any

from midonet.events.errors import NotFound, Unavailable
from midonet.projections.base import Checkpoint, Projection, Target
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.nsdb import NsdbProjection, same_document, view_base
from midonet.projections.vtep import Key, Value, VtepProjection
from midonet.projections.vtep.learned_macs import CurrentRow
from midonet.projections.zookeeper.generations import Generations
from midonet.projections.zookeeper.target import ZooKeeperTarget

_PAUSE = 0.005
_PATIENCE = 30.0
"""Seconds without progress after which a rebuild fails."""

_REPORTED = ("mcast", "bfd")

_NAME = "rebuild"
"""The name of the projection of a rebuild: controls of the live projection do not apply to it."""

OnWritten = Callable[[int], None]


class GenerationView:
    """A generation of the view, for comparison."""

    def __init__(self, generations: Generations, generation: str) -> None:
        self._generations = generations
        self._generation = generation

    def checkpoint(self) -> Checkpoint:
        """Return its checkpoint; `NotFound` if it has none."""
        found = self._generations.checkpoint(self._generation)
        if not found.position:
            raise NotFound(f"generation {self._generation} is empty", generation=self._generation)
        return found

    def read(self, keys: Collection[str] | None) -> Mapping[str, bytes]:
        """Return its documents."""
        return self._generations.read(self._generation, keys)


class LogOnlyProjection(VtepProjection):
    """The desired rows of a VTEP, computed from the log without facts.

    Rows that depend on facts are not changed: MACs that other switches learned, the destinations of broadcast, and the
    tunnels with BFD. The daemon maintains these.
    """

    def __init__(self, vtep: str, current: Callable[[Key], CurrentRow | None]) -> None:
        super().__init__(vtep, None, current)
        self._current = current

    def render(self, key: Key) -> Value | None:
        """As the projection of the daemon, except for values that depend on facts."""
        value = super().render(key)
        current = self._current(key) if value is not None and key[0] in _REPORTED else None
        return current.value if current is not None else value


def build(feed: Feed, generations: Generations, place: tuple[str, str], generation: str, on_written: OnWritten) -> None:
    """Write a generation of the view up to the head of the log, and make it the live one.

    `place` has the ZooKeeper servers and the root of the view; `on_written` is called with the number of documents
    written.
    """
    target = ZooKeeperTarget(*place, generation, on_written=on_written)
    projection = NsdbProjection(view_base(place[1], generation))
    switch = _SwitchOver(generations, generation)

    def switched(position: int) -> bool:
        return position == feed.head.position and switch.done()

    bring_up_to_date(feed, projection, target, switched, same=same_document)


def roll_back(feed: Feed, generations: Generations, place: tuple[str, str], on_written: OnWritten) -> str:
    """Update the previous generation, make it the live one again, and return its number."""
    previous = generations.build_state().previous
    if previous is None or not generations.checkpoint(previous).position:
        raise NotFound("there is no previous generation", generation=previous)
    build(feed, generations, place, previous, on_written)
    return previous


def bring_up_to_date(
    feed: Feed,
    projection: Projection[Any, Any],
    target: Target[Any, Any],
    done: Callable[[int], bool],
    **options: Any,
) -> None:
    """Keep a target equal to a projection until `done` returns true for the target's position.

    Raises `VerificationFailed` if the log does not have the commit of the target's checkpoint, `Unavailable` if there
    is no progress for `_PATIENCE` seconds.
    """
    projection.name = _NAME
    with closing(_RunningProjection(Runner(feed, projection, target, **options), feed)) as running:
        while not done(running.position()):
            time.sleep(_PAUSE)


class _SwitchOver:
    """The switch to a generation, retried while its outcome is unknown."""

    def __init__(self, generations: Generations, generation: str) -> None:
        self._generations = generations
        self._generation = generation
        self._unknown_since: float | None = None

    def done(self) -> bool:
        """Switch unless it was done; return whether it is done. `Unavailable` if the outcome stays unknown."""
        try:
            return self._generations.switch(self._generation)
        except Unavailable:
            now = time.monotonic()
            self._unknown_since = self._unknown_since or now
            if now - self._unknown_since > _PATIENCE:
                raise
            return False


class _RunningProjection:
    """A runner, and waiting for its position."""

    def __init__(self, runner: Runner[Any, Any], feed: Feed) -> None:
        self._runner = runner
        self._feed = feed
        self._moved = time.monotonic()
        self._last = -1
        runner.start()

    def position(self) -> int:
        """Return the runner's position, -1 if it is unknown; raise if there is no progress."""
        status = self._runner.status()
        if status.state == "parked":
            raise self._runner.error or self._feed.error or Unavailable("the log cannot be read")
        if status.position != self._last or status.state == "live":
            self._last, self._moved = status.position, time.monotonic()
        if status.error is not None and time.monotonic() - self._moved > _PATIENCE:
            raise Unavailable(status.error)
        return status.position if status.state == "live" else -1

    def close(self) -> None:
        """Stop; written values remain."""
        self._runner.stop()
