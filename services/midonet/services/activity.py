"""The service `activity`: counts commits and events of each day by actor, channel and command.

`<root>/state/streams/activity/<YYYY-MM-DD>` holds the counts of one day, for the last 30 days with commits. They can
be recomputed from the log.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from midonet.events.commit import Commit
from midonet.services.streams import Processor, StreamService, Write

_DAYS = 30
_MAX_NAMES = 100
"""Largest number of distinct names per day; further names are counted as `others`."""

_OTHERS = "others"


class State(Struct, frozen=True):
    """Counts of the current day, and the days that are stored (`kept`)."""

    day: str = ""
    commits: int = 0
    events: int = 0
    actors: dict[str, int] = {}
    channels: dict[str, int] = {}
    commands: dict[str, int] = {}
    kept: tuple[str, ...] = ()


def step(state: State, commit: Commit) -> tuple[State, Sequence[Write]]:
    """Count a commit; a new day starts at zero and removes the oldest."""
    day = commit.time[:10]
    if day != state.day:
        kept = (*(each for each in state.kept if each != day), day)
        state = State(day=day, kept=kept)
    gone, kept = state.kept[:-_DAYS], state.kept[-_DAYS:]
    counted = State(
        day,
        state.commits + 1,
        state.events + len(commit.events),
        _incremented(state.actors, commit.actor),
        _incremented(state.channels, commit.channel),
        _incremented(state.commands, commit.command.name),
        kept,
    )
    return counted, list(_writes(counted, gone))


def _writes(state: State, gone: Sequence[str]) -> Iterator[Write]:
    yield from (Write(day, None) for day in gone)
    counts = {"actors": state.actors, "channels": state.channels, "commands": state.commands}
    yield Write(state.day, {"commits": state.commits, "events": state.events, **counts})


def _incremented(counts: dict[str, int], name: str) -> dict[str, int]:
    key = name if name in counts or len(counts) < _MAX_NAMES else _OTHERS
    return {**counts, key: counts.get(key, 0) + 1}


PROCESSOR = Processor(State, State, step)


class ActivityService(StreamService):
    """Runs the processor on one node of the cluster."""

    def processor(self) -> Processor[State]:
        """Return the processor that counts."""
        return PROCESSOR
