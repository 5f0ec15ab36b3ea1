"""Rebuild the view for agents: build the next generation beside the live one, compare, switch; or roll back.

The daemon updates the live generation meanwhile. The next rebuild continues one that was interrupted.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager

from midonet.events.errors import NotFound, Unavailable
from midonet.projections.base import Checkpoint
from midonet.projections.engine.feed import Feed
from midonet.projections.maintenance.compare import Differences, compare
from midonet.projections.maintenance.rebuild import (
    PROGRESS_SECONDS,
    LogSource,
    Monitor,
    RebuildReport,
    bring_up_to_date,
    following,
)
from midonet.projections.nsdb import NsdbProjection, same_document, view_base
from midonet.projections.zookeeper.generations import Generations
from midonet.projections.zookeeper.target import ZooKeeperTarget

OnWritten = Callable[[int], None]

Place = tuple[str, str]
"""The ZooKeeper servers, and the root of the view."""


def compare_live(source: LogSource, place: Place) -> RebuildReport:
    """Compare the live generation with the log; change nothing."""
    with closing(Generations(*place)) as generations:
        live = generations.live()
        found = _compare(source, generations, live, place)
    return RebuildReport("nsdb", f"{place[1]}/nsdb", found.position, live, differences=found)


def rebuild(source: LogSource, place: Place, who: str, monitor: Monitor, *, rollback: bool = False) -> RebuildReport:
    """Build the next generation, or continue one, compare the live one and switch; `rollback`: to the previous one.

    `who` names this process in the lock of the generations.
    """
    with _exclusive(place, who, monitor) as generations:
        before, found = generations.live(), None
        with following(source, monitor) as feed:
            if rollback:
                with monitor.progress("bringing the previous generation up to date") as step:
                    generation = roll_back(feed, generations, place, step)
            else:
                generation, found = _build_next(source, feed, generations, place, monitor)
        with monitor.progress("removing old generations") as step:
            removed = generations.prune(step)
        position = generations.checkpoint(generation).position
    return RebuildReport("nsdb", f"{place[1]}/nsdb", position, generation, before, removed, found)


def discard(place: Place, who: str, monitor: Monitor) -> RebuildReport:
    """Remove the unfinished generation, if there is one."""
    with _exclusive(place, who, monitor) as generations:
        with monitor.progress("removing documents") as step:
            removed = generations.discard(step)
        live = generations.live()
        position = generations.checkpoint(live).position
    return RebuildReport("nsdb", f"{place[1]}/nsdb", position, live, removed=[removed] if removed is not None else [])


@contextmanager
def _exclusive(place: Place, who: str, monitor: Monitor) -> Iterator[Generations]:
    with (
        closing(Generations(*place)) as generations,
        generations.exclusive(
            who, lambda other: monitor.note(f"{other} holds the lock of the generations; waiting for it")
        ),
    ):
        yield generations


def _build_next(
    source: LogSource, feed: Feed, generations: Generations, place: Place, monitor: Monitor
) -> tuple[str, Differences]:
    live = generations.live()
    generation, begun = generations.begin()
    if begun:
        monitor.note(f"continuing generation {generation}, which was begun before")
    with monitor.progress(f"building generation {generation}", lambda: _count_documents(feed, place)) as step:
        found = _compare(source, generations, live, place)
        build(feed, generations, place, generation, step)
    return generation, found


def _count_documents(feed: Feed, place: Place) -> int:
    projection = NsdbProjection(place[1])
    with feed.reading() as topology:
        projection.attach(topology)
    return sum(1 for _ in projection.keys())  # noqa: SIM118 - not a mapping


def _compare(source: LogSource, generations: Generations, generation: str, place: Place) -> Differences:
    projection = NsdbProjection(view_base(place[1], generation))
    view = GenerationView(generations, generation)
    return compare(projection, view, source.topology_at, source.records, same_document)


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


def build(feed: Feed, generations: Generations, place: Place, generation: str, on_written: OnWritten) -> None:
    """Update a generation of the view to the head of the log, and make it the live one.

    `on_written` is called with the number of documents just written.
    """
    target = ZooKeeperTarget(*place, generation, on_written=on_written)
    projection = NsdbProjection(view_base(place[1], generation))
    switch = _SwitchOver(generations, generation)

    def switched(position: int) -> bool:
        return position == feed.head.position and switch.done()

    bring_up_to_date(feed, projection, target, switched, same=same_document)


def roll_back(feed: Feed, generations: Generations, place: Place, on_written: OnWritten) -> str:
    """Update the previous generation and make it the live one; return its name."""
    previous = generations.build_state().previous
    if previous is None or not generations.checkpoint(previous).position:
        raise NotFound("there is no previous generation", generation=previous)
    build(feed, generations, place, previous, on_written)
    return previous


class _SwitchOver:
    """The switch to a generation, retried while its outcome is unknown."""

    def __init__(self, generations: Generations, generation: str) -> None:
        self._generations = generations
        self._generation = generation
        self._unknown_since: float | None = None

    def done(self) -> bool:
        """Switch unless that was done; return whether it is done. `Unavailable` if the outcome stays unknown."""
        try:
            return self._generations.switch(self._generation)
        except Unavailable:
            now = time.monotonic()
            self._unknown_since = self._unknown_since or now
            if now - self._unknown_since > PROGRESS_SECONDS:
                raise
            return False
