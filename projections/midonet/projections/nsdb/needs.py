"""What the agent of a host needs to know: where each object is packed, and which objects lead to which others.

This is the whole rule of the host index, object by object; everything else in this package is bookkeeping. A node
is an object's id, or one of four that are no objects: `hosts/<id>` is the agent of a host, `agents` is every agent,
`members/<id>` are all hosts of a tunnel zone, `bound/<id>` is what runs behind a router port where that is bound. What
agents read is named by its kind in `_FOLLOWED`, or led to by a line in `leads`. Pure.
"""

from collections.abc import Iterator, Mapping

from midonet.events.model import KINDS, Entity
from midonet.events.model.devices import Port
from midonet.events.model.groups import PortGroup
from midonet.events.model.loadbalancer import Pool
from midonet.events.model.policy import Rule
from midonet.events.model.services import L2Insertion, ServiceContainer
from midonet.events.model.underlay import Host, TunnelZone
from midonet.events.model.watching import Mirror, TraceRequest
from midonet.projections.nsdb.graph import Edge

__all__ = ["HELD_BY", "agent", "leads", "pack"]

_PACKED_BY: Mapping[str, tuple[str, ...]] = {
    **{kind: KINDS[kind].cls.OWNER for kind in KINDS},
    "vtep-binding": ("bridge",),  # agents come to it from the bridge
    "trace-request": ("bridge", "router"),  # nothing leads to a port that is neither linked nor a target
}

HELD_BY: Mapping[str, tuple[str, ...]] = {
    holder: tuple(
        kind
        for kind, fields in _PACKED_BY.items()
        if kind == holder or any(KINDS[kind].ref_of[field].kind == holder for field in fields)
    )
    for holder in KINDS
}
"""Kind of an object → kinds of the packs that are named after it: its own and those of its parts."""

_FOLLOWED = frozenset(
    {
        "chain",
        "health-monitor",
        "ip-addr-group",
        "load-balancer",
        "logging-resource",
        "mirror",
        "port-group",
        "qos-policy",
        "tunnel-zone",
        "vtep",
    }
)
"""Kinds that whoever needs an object needs as well if the object refers to one of them."""

_AGENTS = "agents"


def pack(entity: Entity) -> str:
    """Return the pack that an object is in: its owner's, so that what is read together lies together."""
    return f"models/{entity.KIND}/{_holder(entity)}"


def _holder(entity: Entity) -> str:
    return next((value for field in _PACKED_BY[entity.KIND] if (value := getattr(entity, field))), entity.id)


def agent(host: str) -> str:
    """Return the node that stands for the agent of a host; it is also the name of that host's index."""
    return f"hosts/{host}"


def leads(entity: Entity | None) -> Iterator[Edge]:
    """Yield (from, to): whoever needs the one needs the other, because this object says so."""
    if entity is not None:
        kind = KINDS[entity.KIND]
        for field, target in kind.targets(entity):
            if kind.ref_of[field].kind in _FOLLOWED:
                yield _holder(entity), target
        yield from _further(entity)


def _further(entity: Entity) -> Iterator[Edge]:
    match entity:
        case Host():
            yield agent(entity.id), entity.id
            yield agent(entity.id), _AGENTS
        case TunnelZone():
            yield from _zone(entity)
        case Port():
            yield from _port(entity)
        case Rule(target_port=str(port)):
            yield entity.chain, port
        case Mirror():
            yield entity.id, entity.to_port
        case Pool():
            yield entity.load_balancer, entity.id
        case ServiceContainer(port=str(port)):
            yield f"bound/{port}", entity.service_group
        case TraceRequest(port=str()) | L2Insertion() | PortGroup(stateful=True):
            yield _AGENTS, entity.id


def _zone(zone: TunnelZone) -> Iterator[Edge]:
    members = f"members/{zone.id}"
    yield members, zone.id
    for member in zone.members:
        yield agent(member.host), members
        yield members, member.host


def _port(port: Port) -> Iterator[Edge]:
    device = port.bridge or port.router or ""
    yield port.id, device
    if port.host is not None:
        yield agent(port.host), device
        if port.router is not None:
            yield agent(port.host), f"bound/{port.id}"
    if port.peer is not None:
        yield device, port.peer
