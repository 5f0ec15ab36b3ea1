"""Questions to a log that pass over its commits: which of them fit, what became of an object, who wrote each field.

Pure folds over commits in order; where these come from, and how answers are shown, is the caller's. What only some
questions need is loaded by these: a command line that asks another one must not wait for it.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from midonet.events.commit import Commit, Event, Record
from midonet.events.moments import END, Moment

if TYPE_CHECKING:
    from midonet.events.history import Names

__all__ = ["Filter", "Written", "blame", "differing", "entry", "names_of"]


class Filter(Struct, frozen=True):
    """Which commits somebody wants to see."""

    since: Moment = END
    until: Moment = END
    kind: str | None = None
    key: str | None = None
    actor: str | None = None
    """As `user@host`, or the user alone."""

    def shows(self, commit: Commit) -> bool:
        """Return whether a commit passes."""
        return (
            self.since.starts(commit)
            and self.until.includes(commit)
            and (self.actor is None or self.actor in (commit.actor, commit.actor.partition("@")[0]))
            and any(self._about(event.key) for event in commit.events)
        )

    def _about(self, key: str) -> bool:
        return self.key in (None, key) and (self.kind is None or key.startswith(f"{self.kind}/"))


def names_of(records: Iterable[Record]) -> "Names":
    """Return what all objects are or were called."""
    from midonet.events.history import Names

    names = Names()
    for record in records:
        names.note_all(record.commit)
    return names


def entry(commit: Commit, event: Event) -> dict[str, Any]:
    """Return one event of an object's history, with who, when and why."""
    return {
        "position": commit.position,
        "time": commit.time,
        "actor": commit.actor,
        "channel": commit.channel,
        "reason": commit.reason,
        "id": commit.id,
        "command": commit.command.name,
        "event": event,
    }


class Written(Struct, frozen=True):
    """The value of a field, and who wrote it last, when and why."""

    field: str
    value: Any
    position: int
    time: str
    actor: str
    reason: str | None


def blame(records: Iterable[Record], key: str) -> list[Written]:
    """Return for every field of an object (`kind/id`) who wrote it last; a deleted object is shown as it was."""
    written: dict[str, Written] = {}
    for record in records:
        for event in record.commit.events:
            if event.key == key:
                written |= {field: _written(field, value, record.commit) for field, value in _values(event).items()}
    return list(written.values())


def _values(event: Event) -> dict[str, Any]:
    """Return the fields that an event writes; a deletion writes none."""
    match event.type.rpartition(".")[2]:
        case "created":
            return {field: value for field, value in event.data.items() if field not in ("id", "kind")}
        case "deleted":
            return {}
        case _:
            return {field: pair[1] for field, pair in event.data["changed"].items()}


def _written(field: str, value: Any, commit: Commit) -> Written:
    return Written(field, value, commit.position, commit.time, commit.actor, commit.reason)


def differing(records: Iterable[Record], one: int, other: int) -> list[Event]:
    """Return the events, one per object, that lead from position `one` to `other`; `records` are all up to the later.

    They may also lead back in time.
    """
    from midonet.events.evolve import invert
    from midonet.events.history import difference

    first = min(one, other)
    events = difference(_changes(records, first))
    return events if one <= other else invert(events)


def _changes(records: Iterable[Record], first: int) -> Iterator[Any]:
    from midonet.events.evolve import fold
    from midonet.events.topology import Topology

    topology = Topology()
    for record in records:
        found = fold(topology, record)
        if record.commit.position > first:
            yield from found
