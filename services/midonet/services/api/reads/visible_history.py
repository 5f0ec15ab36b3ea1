"""The history as a restricted caller may read it: of each commit the events on visible objects, without foreign ids.

An event is visible if its object is or was visible at that commit. A commit of which only a part is visible has no
reason, correlation and causation, which may name the rest. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from midonet.events.access.authorization import Principal, redact_ids
from midonet.events.commit import Commit, Event, Record, canonical
from midonet.events.model import Entity
from midonet.events.system.objects import is_system_key
from midonet.events.topology.evolve import Change, created, deleted, fold, updated
from midonet.events.topology.topology import Topology


def visible_history(
    principal: Principal, records: Iterable[Record], topology: Topology | None = None
) -> Iterator[Record]:
    """Yield what a principal may read of commits that follow on `topology` (default: the empty one)."""
    before = Topology() if topology is None else topology
    for record in records:
        changes = fold(before, record)
        if (commit := _visible_commit(principal, record.commit, changes, before)) is not None:
            yield Record(commit, canonical(commit), record.hash)


def _visible_commit(
    principal: Principal, commit: Commit, changes: Sequence[Change], topology: Topology
) -> Commit | None:
    gone = {change.id: change.old for change in changes if change.new is None}

    def find(object_id: str) -> Entity | None:
        return topology.find(object_id) or gone.get(object_id)

    def hides(object_id: str) -> bool:
        found = find(object_id)
        return found is not None and not principal.sees(found, find)

    rest = iter(changes)
    objects = [(event, next(rest)) for event in commit.events if not is_system_key(event.key)]
    events = [
        Event(event.type, event.v, event.key, redact_ids(event.data, hides))
        for event, change in objects
        if any(side is not None and principal.sees(side, find) for side in (change.old, change.new))
    ]
    return partial_commit(commit, events)


def partial_commit(commit: Commit, events: list[Event]) -> Commit | None:
    """Return a commit with only these events; None without any."""
    if not events:
        return None
    if len(events) == len(commit.events):
        return replace(commit, events=events)
    return replace(commit, events=events, reason=None, correlation=None, causation=None)


def difference(one: Topology, other: Topology) -> list[Event]:
    """Return the events, one per object, that lead from one restricted topology to another."""
    before, after = ({entity.id: entity for entity in side} for side in (one, other))
    events = []
    for object_id in {**before, **after}:
        old, new = before.get(object_id), after.get(object_id)
        if old is not None and new is not None:
            events.append(updated(old, new))
        else:
            events.append(created(new) if new is not None else deleted(old) if old is not None else None)
    return [event for event in events if event is not None]
