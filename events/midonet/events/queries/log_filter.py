"""Queries that scan commits: which of them match a filter, the history of an object, and who wrote each field.

Pure, and independent of the model, which takes long to load. The caller supplies the commits and prints the results.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from midonet.events.commit import Commit, Event, Record
from midonet.events.queries.moment import END, Moment


class Filter(Struct, frozen=True):
    """Which commits to show."""

    since: Moment = END
    until: Moment = END
    kind: str | None = None
    key: str | None = None
    actor: str | None = None
    """As `user@host`, or the user alone."""

    def shows(self, commit: Commit) -> bool:
        """Return whether a commit matches."""
        return (
            self.since.starts(commit)
            and self.until.includes(commit)
            and (self.actor is None or self.actor in (commit.actor, commit.actor.partition("@")[0]))
            and any(self._about(event.key) for event in commit.events)
        )

    def _about(self, key: str) -> bool:
        return self.key in (None, key) and (self.kind is None or key.startswith(f"{self.kind}/"))


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
    """Return for every field of an object (`kind/id`) who wrote it last; for a deleted object its last fields."""
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
