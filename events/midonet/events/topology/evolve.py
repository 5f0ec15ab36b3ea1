"""Evolve: the effect of an event on the topology; invert: the event that undoes it.

Every reader folds through this module, for events of every writer and version. Pure: no clock, no I/O; the only effect
is on the topology passed in.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from midonet.events.commit import Event, Record
from midonet.events.errors import VerificationFailed
from midonet.events.model import KINDS, Entity, plain
from midonet.events.system.objects import SYSTEM_KINDS, evolved
from midonet.events.topology.topology import Topology

EVENT_VERSION = 1

_Step = Callable[[Topology, str, Any, dict[str, Any], int], Entity | None]
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}
"""(event type, version) → its data in the form of the next version; golden files test every version."""


class Change(Struct, frozen=True, gc=False):
    """The effect of a commit on one object: None is absent. Projections consume these."""

    kind: str
    id: str
    old: Any
    new: Any


def fold(topology: Topology, record: Record) -> list[Change]:
    """Apply one accepted commit as a whole and move the topology's head to it; return the changes of objects."""
    position = record.commit.position
    changes = [evolve(topology, event, position) for event in record.commit.events]
    topology.head = record.head
    return [change for change in changes if change.kind not in SYSTEM_KINDS]


def evolve(topology: Topology, event: Event, position: int) -> Change:
    """Apply one event; `VerificationFailed` if it does not fit the topology or is of an unknown kind or version."""
    kind_name, _, object_id = event.key.partition("/")
    verb = event.type.rpartition(".")[2]
    data = current(event)
    if kind_name in SYSTEM_KINDS and event.v <= EVENT_VERSION:
        return _evolve_system(topology, event, data, position)
    if kind_name not in KINDS or event.v > EVENT_VERSION:
        raise _misfit(event, position, "has a kind or version that this release does not support; upgrade")
    old = topology.get(kind_name, object_id)
    if (old is None) != (verb == "created"):
        raise _misfit(event, position, "exists already" if old is not None else "does not exist")
    try:
        step: _Step = _NEXT.get(verb, _changed)
        new = step(topology, kind_name, old, data, position)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise _misfit(event, position, f"has data that does not fit: {error}") from None
    topology.swap(object_id, new)
    return Change(kind_name, object_id, old, new)


def _evolve_system(topology: Topology, event: Event, data: dict[str, Any], position: int) -> Change:
    kind, _, name = event.key.partition("/")
    old = topology.system.get(event.key)
    verb = event.type.rpartition(".")[2]
    if (old is None) != (verb == "created"):
        raise _misfit(event, position, "exists already" if old is not None else "does not exist")
    try:
        new = evolved(event.key, old, verb, data)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise _misfit(event, position, f"has data that does not fit: {error}") from None
    topology.system.pop(event.key, None)
    if new is not None:
        topology.system[event.key] = new
    return Change(kind, name, old, new)


def current(event: Event) -> dict[str, Any]:
    """Return an event's data as the present version writes it."""
    data, version = event.data, event.v
    while (event.type, version) in UPCASTERS:
        data = UPCASTERS[event.type, version](data)
        version += 1
    return data


def _created(topology: Topology, kind: str, old: Any, data: dict[str, Any], position: int) -> Entity:
    del old
    cls = KINDS[kind].cls
    return msgspec.convert(_shared(topology, cls.OWNER, {**data, "position": position}), cls)


def _changed(topology: Topology, kind: str, old: Entity, data: dict[str, Any], position: int) -> Entity:
    values = {field: pair[1] for field, pair in data["changed"].items()}
    _shared(topology, [field for field in values if field in KINDS[kind].plain_refs], values)
    if KINDS[kind].structured.isdisjoint(values):
        return replace(old, position=position, **values)
    return msgspec.convert({**msgspec.to_builtins(old), **values, "position": position}, KINDS[kind].cls)


def _deleted(topology: Topology, kind: str, old: Any, data: dict[str, Any], position: int) -> None:
    del topology, kind, old, data, position


def _shared(topology: Topology, fields: Iterable[str], values: dict[str, Any]) -> dict[str, Any]:
    """Make references share the strings that are the ids of objects: copies would take much of the memory."""
    for field in fields:
        target = values.get(field)
        if target is not None and (found := topology.find(target)) is not None:
            values[field] = found.id
    return values


_NEXT: Mapping[str, _Step] = {
    "created": _created,
    "deleted": _deleted,
}


def _misfit(event: Event, position: int, reason: str) -> VerificationFailed:
    return VerificationFailed(
        f"commit {position}: {event.type} of {event.key} {reason}", position=position, event=event.type, key=event.key
    )


def created(entity: Entity) -> Event:
    """Return the event that creates an object."""
    return Event(f"{entity.KIND}.created", EVENT_VERSION, f"{entity.KIND}/{entity.id}", _data(entity))


def deleted(entity: Entity) -> Event:
    """Return the event that deletes an object; it carries the object as it was."""
    return Event(f"{entity.KIND}.deleted", EVENT_VERSION, f"{entity.KIND}/{entity.id}", _data(entity))


def updated(old: Entity, new: Entity) -> Event | None:
    """Return the event that turns `old` into `new`, named by the kind's verb; None if nothing differs."""
    before, after = _data(old), _data(new)
    changed = {field: (before[field], value) for field, value in after.items() if before[field] != value}
    if not changed:
        return None
    return Event(f"{new.KIND}.{new.verb(changed)}", EVENT_VERSION, f"{new.KIND}/{new.id}", {"changed": _lists(changed)})


def invert(events: Sequence[Event]) -> list[Event]:
    """Return the events that undo these, last first, in the form of the present version."""
    return [_inverse(replace(event, v=EVENT_VERSION, data=current(event))) for event in reversed(events)]


def _inverse(event: Event) -> Event:
    kind, _, verb = event.type.rpartition(".")
    if verb in ("created", "deleted"):
        opposite = "deleted" if verb == "created" else "created"
        return replace(event, type=f"{kind}.{opposite}")
    turned = {field: (new, old) for field, (old, new) in event.data["changed"].items()}
    word = KINDS[kind].cls.verb(turned) if kind in KINDS else verb
    return replace(event, type=f"{kind}.{word}", data={"changed": _lists(turned)})


def _lists(changed: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    return {field: list(pair) for field, pair in changed.items()}


def _data(entity: Entity) -> dict[str, Any]:
    data = plain(entity)
    del data["position"]
    return data
