"""Decide: which events a command leads to on a topology, or why it is refused.

Pure: the same command with the same id on the same topology gives the same events, ids and numbers included, so that a
command can be decided again after a conflict. The topology is left unchanged.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from midonet.events.access.authorization import Principal, ProposedChange, authorise, redact_error
from midonet.events.access.restricted_topology import RestrictedTopology
from midonet.events.commands import apply, object_rules, revert, system_operations, tenancy, triggers
from midonet.events.commands.command import (
    AddItem,
    Command,
    Create,
    CreateTenants,
    Delete,
    DropTag,
    DropUser,
    Enable,
    Expect,
    Op,
    Pause,
    Put,
    RemoveItem,
    Retry,
    Revert,
    SetTag,
    SetUser,
    Skip,
    Update,
)
from midonet.events.commands.unit_of_work import UnitOfWork, begin, label
from midonet.events.commit import Event, canonical
from midonet.events.errors import Conflict, InvalidValue, MidonetError, NotFound, ObjectChanged
from midonet.events.model import Entity, FieldSpec, Kind, kind_of
from midonet.events.model.fields import canonical_id
from midonet.events.model.tenant import Tenant
from midonet.events.system.objects import is_system_key
from midonet.events.topology import references
from midonet.events.topology.topology import Topology


class Decision(Struct, frozen=True):
    """The result of an accepted command; without events the state is already as requested."""

    events: list[Event]
    object: Entity | None
    """The object that the command is about, as it will be (or as it was, if deleted)."""


def decide(topology: Topology, command: Command, command_id: str, principal: Principal | None = None) -> Decision:
    """Return the decision; raise `Rejected` or `NotFound` with the field and the reason.

    With a `principal` its permissions apply, and errors disclose only objects that it may read; without one, everything
    is allowed.
    """
    with begin(topology, command_id, triggers.run, _visible(topology, principal)) as unit:
        try:
            return _decided(unit, command, principal)
        except MidonetError as error:
            if principal is None:
                raise
            raise redact_error(error, principal, unit.before_or_now, canonical(command).decode()) from None


def _visible(topology: Topology, principal: Principal | None) -> Topology:
    return topology if principal is None or principal.reads_all else RestrictedTopology(topology, principal)


def _decided(unit: UnitOfWork, command: Command, principal: Principal | None) -> Decision:
    unit.creates_tenants = tenancy.creates_missing(command)
    subjects = [_OPS[type(op)](unit, op) for op in command.ops]
    if unit.creates_tenants:
        for name in tenancy.missing(unit.topology, unit.touched()):
            unit.create(Tenant(id=unit.new_id(), name=name))
    unit.validate()
    events = unit.events()
    if principal is not None:
        system_keys = [event.key for event in events if is_system_key(event.key)]
        authorise(principal, ProposedChange(unit.touched(), system_keys, unit.before, unit.topology.find))
    last = subjects[-1] if subjects else None
    return Decision(events, (unit.topology.find(last.id) or last) if last is not None else None)


def _create(unit: UnitOfWork, op: Create) -> Entity:
    kind = kind_of(op.kind)
    fields = dict(op.fields)
    object_id = _chosen_id(fields) or unit.new_id()
    placed = {"index": kind.field("index").coerce(fields.pop("index"))} if _may_place(kind, fields) else {}
    object_rules.refuse_derived(kind, fields)
    values = references.values(unit.visible, kind, fields)
    _check_tenant(unit, None, values)
    return unit.create(object_rules.build(kind, object_id, {**values, **placed} if placed else values))


def _check_tenant(unit: UnitOfWork, old: Entity | None, values: Mapping[str, Any]) -> None:
    if not unit.creates_tenants:
        tenancy.check_exists(unit.topology, old, values.get("tenant"))


def _chosen_id(fields: dict[str, Any]) -> str | None:
    chosen = fields.pop("id", None)
    try:
        return canonical_id(chosen) if chosen is not None else None
    except ValueError as error:
        raise InvalidValue(f"id: {error}", field="id", reason="bad-id") from None


def _may_place(kind: Kind, fields: Mapping[str, Any]) -> bool:
    return kind.name == "rule" and fields.get("index") is not None


def _update(unit: UnitOfWork, op: Update) -> Entity:
    kind = kind_of(op.kind)
    old = references.find(unit.visible, op.kind, op.ref)
    object_rules.refuse_derived(kind, op.fields)
    values = references.values(unit.visible, kind, op.fields, scope=(old.id,))
    for field in op.vacant:
        present = getattr(old, field)
        if present not in (None, values.get(field)):
            found = unit.topology.find(present)
            raise Conflict(
                f"{label(old)}: {field} is already {label(found) if found else present}",
                field=field,
                id=old.id,
                reason="occupied",
            )
    object_rules.refuse_move(kind, old, values)
    object_rules.refuse_follower(old)
    _check_tenant(unit, old, values)
    unit.change(old, msgspec.structs.replace(old, **values))
    return _now(unit, old)


def _delete(unit: UnitOfWork, op: Delete) -> Entity:
    target = references.find(unit.visible, op.kind, op.ref) if op.ref is not None else _matching(unit, op)
    object_rules.refuse_follower(target)
    unit.delete(target, cascade=op.cascade)
    return target  # type: ignore[no-any-return]


def _matching(unit: UnitOfWork, op: Delete) -> Any:
    kind = kind_of(op.kind)
    values = references.values(unit.visible, kind, op.where)
    owner = next((field for field in kind.cls.OWNER if values.get(field)), None)
    siblings = (
        unit.visible.referrers(values[owner], kind.name, owner) if owner else unit.visible.all(kind.name).values()
    )
    for entity in siblings:
        if all(getattr(entity, field) == value for field, value in values.items()):
            return entity
    wanted = ", ".join(f"{field} {value}" for field, value in op.where.items())
    raise NotFound(f"there is no {kind.name} with {wanted}", kind=kind.name, where=op.where)


def _add_item(unit: UnitOfWork, op: AddItem) -> Entity:
    old, spec, (item,) = _list_item(unit, op)
    return _set_list(unit, old, spec, (*getattr(old, spec.name), item))


def _remove_item(unit: UnitOfWork, op: RemoveItem) -> Entity:
    old = references.find(unit.visible, op.kind, op.ref)
    spec = kind_of(op.kind).field(op.field)
    wanted = references.partial(unit.visible, spec, op.item, (old.id,))
    present = getattr(old, spec.name)
    left = tuple(item for item in present if not _fits(item, wanted))
    if len(left) == len(present):
        raise NotFound(f"{label(old)}: {spec.name} has no {op.item}", field=spec.name, item=op.item)
    return _set_list(unit, old, spec, left)


def _fits(item: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return all(getattr(item, part) == value for part, value in wanted.items())
    return bool(item == wanted)


def _list_item(unit: UnitOfWork, op: AddItem) -> tuple[Any, FieldSpec, tuple[Any, ...]]:
    kind = kind_of(op.kind)
    old = references.find(unit.visible, op.kind, op.ref)
    values = references.values(unit.visible, kind, {op.field: [op.item]}, scope=(old.id,))
    return old, kind.field(op.field), values[op.field]


def _set_list(unit: UnitOfWork, old: Any, spec: FieldSpec, items: tuple[Any, ...]) -> Entity:
    object_rules.refuse_follower(old)
    unit.change(old, msgspec.structs.replace(old, **{spec.name: items}))
    return _now(unit, old)


def _expect(unit: UnitOfWork, op: Expect) -> Entity:
    found: Entity = references.find(unit.visible, op.kind, op.ref)
    if found.position != op.position:
        raise ObjectChanged(
            f"{label(found)} was last changed by position {found.position}, not by {op.position} as expected",
            id=found.id,
            expected=op.position,
            actual=found.position,
        )
    return found


def _now(unit: UnitOfWork, entity: Entity) -> Entity:
    return unit.topology.find(entity.id) or entity


_OPS: Mapping[type[Op], Callable[[UnitOfWork, Any], Entity | None]] = {
    Create: _create,
    Update: _update,
    Delete: _delete,
    AddItem: _add_item,
    RemoveItem: _remove_item,
    Put: apply.put,
    Revert: revert.revert,
    SetTag: system_operations.set_tag,
    DropTag: system_operations.drop_tag,
    SetUser: system_operations.set_user,
    DropUser: system_operations.drop_user,
    Expect: _expect,
    CreateTenants: lambda _unit, _op: None,  # of all operations, see `_decided`
    Pause: system_operations.pause,
    Skip: system_operations.skip,
    Retry: system_operations.retry,
    Enable: system_operations.enable,
}
