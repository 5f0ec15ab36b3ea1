"""The tenant of an object: its own, or that of the object that it is a part of. Pure.

A tenant is a label: `--tenant` filters lists and is the default of `create`; it is no access control.
"""

from midonet.events.access.authorization import SHARED, owners_of
from midonet.events.model import KINDS, Entity, Kind, kind_of
from midonet.events.topology.topology import Topology

_FIELD = "tenant"


def has_tenant(kind: Kind) -> bool:
    """Return whether objects of a kind have a tenant, their own or that of their parent."""
    return _FIELD in kind.fields or any(
        has_tenant(kind_of(owner)) for field in kind.cls.OWNER for owner in kind.ref_of[field].kind.split("|")
    )


def belongs(topology: Topology, entity: Entity, tenant: str) -> bool:
    """Return whether an object belongs to a tenant or is shared with all."""
    return not owners_of(entity, topology.find).isdisjoint((tenant, SHARED))


def tenants(topology: Topology) -> list[str]:
    """Return the sorted names of all tenants: of tenant objects, and of tenant fields."""
    named = {entity.name for entity in topology.all("tenant").values() if entity.name}
    for name, kind in KINDS.items():
        if _FIELD in kind.fields:
            named |= {entity.tenant for entity in topology.all(name).values() if entity.tenant}
    return sorted(named)
