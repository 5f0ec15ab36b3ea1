"""Rules for the fields of one object: which are derived, fixed or follow another object."""

from collections.abc import Mapping
from typing import Any

from midonet.events.commands.unit_of_work import label
from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model import Entity, Kind


def build(kind: Kind, object_id: str, values: Mapping[str, Any]) -> Entity:
    """Return a new object; `InvalidValue` lists missing fields."""
    if not kind.needed <= values.keys():
        missing = [name for name in kind.fields if name in kind.needed - values.keys()]
        raise InvalidValue(
            f"a {kind.name} needs {', '.join(missing)}", field=missing[0], missing=missing, reason="missing"
        )
    return kind.cls(id=object_id, **values)


def refuse_derived(kind: Kind, fields: Mapping[str, Any]) -> None:
    """Raise `InvalidValue` if a field is written by the system only."""
    if fields.keys() <= kind.writable.keys():
        return
    for name in fields:
        if name not in kind.writable:
            kind.field(name)  # raises if there is none
            raise InvalidValue(
                f"{name} of a {kind.name} is allocated or derived by the system and cannot be set",
                field=name,
                reason="read-only",
            )


def refuse_move(kind: Kind, old: Entity, values: Mapping[str, Any]) -> None:
    """Raise `InvalidValue` if an object would change its parent."""
    for owner in kind.cls.OWNER:
        if owner in values and values[owner] != getattr(old, owner):
            raise InvalidValue(
                f"{label(old)} cannot move to another {owner}; delete and create it", field=owner, reason="cannot-move"
            )


def refuse_follower(entity: Entity) -> None:
    """Raise `Conflict` if the object is created, changed and deleted with another one only."""
    if entity.follows is not None:
        raise Conflict(
            f"{label(entity)} follows {entity.follows} and cannot be changed or deleted by itself",
            id=entity.id,
            reason="follows-another",
        )
