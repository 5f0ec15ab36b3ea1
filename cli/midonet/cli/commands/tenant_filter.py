"""The tenant of an object: its own, or that of the object that it is a part of. Pure.

A tenant is a label: `--tenant` filters lists and is the default of `create`; it is no access control.
"""

from typing import Any

from midonet.events.model import KINDS, Kind, kind_of
from midonet.events.topology.topology import Topology

_FIELD = "tenant"


def has_tenant(kind: Kind) -> bool:
    """Return whether objects of a kind have a tenant, their own or that of their parent."""
    return _FIELD in kind.fields or any(
        has_tenant(kind_of(owner)) for field in kind.cls.OWNER for owner in kind.ref_of[field].kind.split("|")
    )


def belongs(topology: Topology, entity: Any, tenant: str) -> bool:
    """Return whether an object, or what it is a part of, is a tenant's or shared with all."""
    found: Any = entity
    while found is not None:
        if hasattr(found, _FIELD):
            return bool(found.tenant == tenant or getattr(found, "shared", False))
        owner = next((getattr(found, field) for field in found.OWNER if getattr(found, field)), None)
        found = topology.find(owner) if owner else None
    return False


def tenants(topology: Topology) -> list[str]:
    """Return the sorted names of all tenants: of tenant objects, and of tenant fields."""
    named = {entity.name for entity in topology.all("tenant").values() if entity.name}
    for name, kind in KINDS.items():
        if _FIELD in kind.fields:
            named |= {entity.tenant for entity in topology.all(name).values() if entity.tenant}
    return sorted(named)
