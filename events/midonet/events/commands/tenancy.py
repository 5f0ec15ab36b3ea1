"""Tenants of objects: the tenant exists, if any tenant does, and is not deleted while it has objects. Pure.

A tenant is a label until the first tenant object is created; from then on `create` and `set` accept tenants that have
one. Objects keep their labels, and `apply` accepts all labels: an export can be applied to another log.
"""

from collections.abc import Iterable, Iterator

from midonet.events.commands.command import Command, CreateTenants
from midonet.events.errors import InUse, NotFound
from midonet.events.model import KINDS, Entity
from midonet.events.topology.topology import Topology

_FIELD = "tenant"
_OWNED = tuple(name for name, kind in KINDS.items() if _FIELD in kind.fields)
_LISTED = 10


def creates_missing(command: Command) -> bool:
    """Return whether a command creates the tenants that it names."""
    return any(isinstance(op, CreateTenants) for op in command.ops)


def missing(topology: Topology, touched: Iterable[tuple[Entity | None, Entity | None]]) -> list[str]:
    """Return the tenants that changed objects (before, now) got and that do not exist."""
    given = dict.fromkeys(_label(new) for old, new in touched if _label(new) != _label(old))
    return [label for label in given if label is not None and not topology.named(_FIELD, label)]


def _label(entity: Entity | None) -> str | None:
    found: str | None = getattr(entity, _FIELD, None)
    return found


def check_exists(topology: Topology, old: Entity | None, label: str | None) -> None:
    """Raise `NotFound` if an object gets a tenant that does not exist while others do."""
    if label in (None, _label(old)) or topology.named(_FIELD, label) or not topology.all(_FIELD):
        return
    raise NotFound(
        f"there is no tenant {label!r}; create it first (tenant create), or use --create-tenant",
        field=_FIELD,
        kind=_FIELD,
        ref=label,
        reason="no-such-tenant",
    )


def check_unused(topology: Topology, old: Entity) -> None:
    """Raise `InUse` if a tenant was deleted or renamed that has objects."""
    name = old.name or ""
    found = [] if topology.named(_FIELD, name) else list(owned(topology, name))
    if found:
        listed = ", ".join(f"{entity.KIND} {entity.name or entity.id}" for entity in found[:_LISTED])
        more = f" and {len(found) - _LISTED:,} more" if len(found) > _LISTED else ""
        raise InUse(
            f"tenant {name} is in use by {listed}{more}; delete them first, or use --cascade",
            referrers=[{"kind": one.KIND, "id": one.id, "name": one.name, "field": _FIELD} for one in found],
            reason="in-use",
        )


def owned(topology: Topology, name: str) -> Iterator[Entity]:
    """Yield the objects whose tenant has that name."""
    for kind in _OWNED:
        yield from (entity for entity in topology.all(kind).values() if getattr(entity, _FIELD) == name)
