"""Revert: undo one commit exactly and as a whole, or report every conflict.

Later changes win: a field that was changed since, an object that others refer to, or a number or name that was reused
is never overwritten. Nothing beyond the inverse happens, so the preview shows exactly what is done. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from midonet.events.commands import triggers
from midonet.events.commands.command import Revert
from midonet.events.commands.unit_of_work import UnitOfWork, begin, label
from midonet.events.commit import Event
from midonet.events.errors import Conflict, MidonetError
from midonet.events.model import KINDS, Entity, kind_of, plain
from midonet.events.queries.names import Names, format_value
from midonet.events.system.objects import SystemObject, evolved, is_system_key, plain_system_object
from midonet.events.topology.topology import Topology

_HINT = ", or use --cascade"
"""A revert does nothing beyond the inverse."""


def revert(unit: UnitOfWork, op: Revert) -> None:
    """Apply the inverse events; `Conflict` lists in `details["conflicts"]` everything that prevents it."""
    conflicts = [conflict for event in op.events for conflict in _invert(unit, event)]
    if not conflicts:
        conflicts = list(unit.violations()) or list(_consequences(unit))
    if conflicts:
        reasons = "; ".join(dict.fromkeys(conflict.message.removesuffix(_HINT) for conflict in conflicts))
        raise Conflict(
            f"commit {op.position} cannot be reverted: {reasons}",
            reason="cannot-revert",
            position=op.position,
            conflicts=[{"code": found.code, "message": found.message, **found.details} for found in conflicts],
        )


def _invert(unit: UnitOfWork, event: Event) -> Iterator[MidonetError]:
    """Apply one inverse event, or yield why it is impossible."""
    kind_name, _, object_id = event.key.partition("/")
    if is_system_key(event.key):
        yield from _invert_system(unit.topology.system, event)
        return
    kind = kind_of(kind_name)
    now = unit.topology.find(object_id)
    verb = event.type.rpartition(".")[2]
    if verb == "created":
        then, conflicts = msgspec.convert(event.data, kind.cls), [_exists(now)] if now is not None else []
    elif now is None or kind_name != now.KIND:
        then, conflicts = None, [_gone(event)]
    elif verb == "deleted":
        then, conflicts = None, list(_differing(now, msgspec.convert(event.data, kind.cls), kind.fields))
    else:
        left, then = (_with(now, event.data["changed"], side) for side in (0, 1))
        conflicts = list(_differing(now, left, event.data["changed"]))
    conflicts += _taken(unit.topology, then)
    if not conflicts:
        unit.restore(object_id, then)
    yield from conflicts


def _invert_system(system: dict[str, SystemObject], event: Event) -> Iterator[Conflict]:
    verb, now = event.type.rpartition(".")[2], system.pop(event.key, None)
    changed = event.data.get("changed", {})
    left = {field: pair[0] for field, pair in changed.items()} if changed else event.data if verb == "deleted" else {}
    found = {} if now is None else plain_system_object(now)
    if bool(found) != bool(left) or any(found.get(field) != value for field, value in left.items()):
        yield Conflict(f"{event.key.replace('/', ' ')} is no longer as the commit left it", key=event.key)
        return
    then = evolved(event.key, now, verb, event.data)
    if then is not None:
        system[event.key] = then


def _with(now: Entity, changed: Mapping[str, Sequence[Any]], side: int) -> Entity:
    values = {field: pair[side] for field, pair in changed.items()}
    return msgspec.convert({**msgspec.to_builtins(now), **values}, type(now))


def _exists(now: Entity) -> Conflict:
    return Conflict(f"{label(now)} exists again", id=now.id)


def _gone(event: Event) -> Conflict:
    kind, _, object_id = event.key.partition("/")
    name = event.data.get("name")
    return Conflict(f"{kind} {f'{name} ({object_id})' if name else object_id} is gone", id=object_id)


def _differing(now: Entity, left: Entity, fields: Iterable[str]) -> Iterator[Conflict]:
    """Yield the fields that have changed since the commit."""
    found, expected = plain(now), plain(left)
    for field in fields:
        if field != "position" and getattr(now, field) != getattr(left, field):
            yield Conflict(
                f"{field} of {label(now)} was changed since: it is {_as_text(now, field, found[field])}, "
                f"not {_as_text(now, field, expected[field])}",
                id=now.id,
                field=field,
                expected=expected[field],
                actual=found[field],
            )


def _as_text(entity: Entity, field: str, value: Any) -> str:
    return format_value(KINDS[entity.KIND].fields[field], value, Names())


def _taken(topology: Topology, entity: Entity | None) -> Iterator[Conflict]:
    """Yield the numbers of an object that other objects hold now."""
    for field, pool in entity.NUMBERS.items() if entity is not None else ():
        number = getattr(entity, field)
        for other in topology.holders(pool, number) if number is not None else ():
            if entity is not None and other.id != entity.id:
                yield Conflict(
                    f"{field} {number} of {label(entity)} is taken by {label(other)}",
                    id=entity.id,
                    field=field,
                    other=other.id,
                )


def _consequences(unit: UnitOfWork) -> Iterator[MidonetError]:
    """Yield the changes that triggers would make beyond the inverse: rule indexes, numbers, links.

    A trigger leaves a consistent object alone. So the triggers of all touched objects, of those that refer to them and
    of their siblings are run as if these had just been created; any change that they make is reported.
    """
    for entity in _neighbours(unit).values():
        with begin(unit.topology, "probe", triggers.run) as probe:
            try:
                triggers.run(probe, None, entity)
            except MidonetError as error:
                yield type(error)(f"{label(entity)}: {error.message}", **error.details)
            yield from (_follows(probe, event) for event in probe.events())


def _neighbours(unit: UnitOfWork) -> dict[str, Entity]:
    """Return, by id, the present objects that were touched or refer to the same objects."""
    found: dict[str, Entity] = {}
    beside: dict[tuple[str, str, str], None] = {}
    for old, new in unit.touched():
        if new is not None:
            found[new.id] = new
            found |= {referrer.id: referrer for referrer, _ in unit.topology.referring(new.id)}
        elif old is not None:
            beside |= dict.fromkeys((target, old.KIND, field) for field, target in KINDS[old.KIND].targets(old))
    for target, kind, field in beside:
        found |= {entity.id: entity for entity in unit.topology.referrers(target, kind, field)}
    return found


def _follows(probe: UnitOfWork, event: Event) -> Conflict:
    kind, _, object_id = event.key.partition("/")
    entity = probe.topology.find(object_id)
    name = label(entity) if entity is not None else f"{kind} {object_id}"
    fields = list(event.data.get("changed", ()))
    return Conflict(
        f"{name} would have to change as well ({', '.join(fields) or 'all of it'})", id=object_id, fields=fields
    )
