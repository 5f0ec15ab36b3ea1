"""What the agent of a host needs to know: where each object is packed, and which objects lead to which others.

This is the whole rule of the host index, object by object; everything else in this package is bookkeeping. A node
is an object's id, or one of two that are no objects: `hosts/<id>` is the agent of a host, `members/<id>` are all
hosts of a tunnel zone. A kind that agents read is one line in `leads`, or none. Pure.
"""

from collections.abc import Iterator, Mapping

from midonet.events.model import KINDS, Entity
from midonet.events.model.devices import Bridge, Port, Router
from midonet.events.model.policy import Rule
from midonet.events.model.underlay import Host, TunnelZone, Vtep, VtepBinding
from midonet.projections.nsdb.graph import Edge

__all__ = ["HELD_BY", "agent", "leads", "pack"]

_PACKED_BY: Mapping[str, tuple[str, ...]] = {
    **{kind: KINDS[kind].cls.OWNER for kind in KINDS},
    "vtep-binding": ("bridge",),  # agents come to it from the bridge
}

HELD_BY: Mapping[str, tuple[str, ...]] = {
    holder: tuple(kind for kind, owners in _PACKED_BY.items() if holder in owners or (kind == holder and not owners))
    for holder in KINDS
}
"""Kind of an object → kinds of the packs that are named after it: its own and those of its parts."""


def pack(entity: Entity) -> str:
    """Return the pack that an object is in: its owner's, so that what is read together lies together."""
    owner = next((value for field in _PACKED_BY[entity.KIND] if (value := getattr(entity, field))), entity.id)
    return f"models/{entity.KIND}/{owner}"


def agent(host: str) -> str:
    """Return the node that stands for the agent of a host; it is also the name of that host's index."""
    return f"hosts/{host}"


def leads(entity: Entity | None) -> Iterator[Edge]:
    """Yield (from, to): whoever needs the one needs the other, because this object says so."""
    match entity:
        case Host():
            yield agent(entity.id), entity.id
        case TunnelZone():
            yield from _zone(entity)
        case Port():
            yield from _port(entity)
        case Bridge() | Router():
            yield from _filters(entity.id, entity)
        case Rule(jump_chain=str(chain)):
            yield entity.chain, chain
        case VtepBinding():
            yield entity.bridge, entity.vtep
        case Vtep(tunnel_zone=str(zone)):
            yield entity.id, zone


def _zone(zone: TunnelZone) -> Iterator[Edge]:
    members = f"members/{zone.id}"
    yield members, zone.id
    for member in zone.members:
        yield agent(member.host), members
        yield members, member.host


def _port(port: Port) -> Iterator[Edge]:
    device = port.bridge or port.router or ""
    yield from _filters(device, port)
    if port.host is not None:
        yield agent(port.host), device
    if port.peer is not None:
        yield device, port.peer
        yield port.id, device


def _filters(device: str, entity: Bridge | Router | Port) -> Iterator[Edge]:
    for chain in (entity.inbound_filter, entity.outbound_filter):
        if chain is not None:
            yield device, chain
