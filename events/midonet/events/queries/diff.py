"""The difference of two states, as events."""

from collections.abc import Iterable, Iterator

from midonet.events.commit import Event, Record
from midonet.events.model import Entity
from midonet.events.topology.evolve import Change, created, deleted, fold, invert, updated
from midonet.events.topology.topology import Topology


def differing(records: Iterable[Record], one: int, other: int) -> list[Event]:
    """Return the events, one per object, that lead from position `one` to `other`, forwards or backwards.

    `records` are all commits up to the later one.
    """
    first = min(one, other)
    events = difference(_changes(records, first))
    return events if one <= other else invert(events)


def _changes(records: Iterable[Record], first: int) -> Iterator[Change]:
    topology = Topology()
    for record in records:
        found = fold(topology, record)
        if record.commit.position > first:
            yield from found


def difference(changes: Iterable[Change]) -> list[Event]:
    """Return the events that lead from the state before the changes to the state after them, one per object."""
    net: dict[str, tuple[Entity | None, Entity | None]] = {}
    for change in changes:
        old = net[change.id][0] if change.id in net else change.old
        net[change.id] = old, change.new
    return [event for old, new in net.values() for event in _between(old, new)]


def _between(old: Entity | None, new: Entity | None) -> Iterator[Event]:
    if old is not None and new is not None and new.KIND == old.KIND:
        event = updated(old, new)
        if event is not None:
            yield event
        return
    if old is not None:
        yield deleted(old)
    if new is not None:
        yield created(new)
