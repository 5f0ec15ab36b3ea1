"""The dependencies of a host's agent: the pack of each object, and the objects that each object needs.

These are all rules of the host index, object by object; the rest of this package is bookkeeping. A node of the graph is
the id of an object, or one of four others: `hosts/<id>` is the agent of a host, `agents` is every agent, `members/<id>`
are all hosts of a tunnel zone, `bound/<id>` are the objects that a host needs if a router port is bound there. Objects
that agents read are declared by kind in `_FOLLOWED`, or by an edge in `edges`. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from midonet.events.model import KINDS, Entity
from midonet.events.model.chain import Rule
from midonet.events.model.host import Host
from midonet.events.model.port import Port
from midonet.events.model.service_container import ServiceContainer
from midonet.events.model.tunnel_zone import TunnelZone
from midonet.projections.nsdb.reachability import Edge

_PACKED_BY: Mapping[str, tuple[str, ...]] = {
    **{kind: KINDS[kind].cls.OWNER for kind in KINDS},
    "vtep-binding": ("bridge",),  # agents reach it from the bridge
    "trace-request": ("bridge", "router"),  # no edge leads to a port that is neither linked nor a target
}

HELD_BY: Mapping[str, tuple[str, ...]] = {
    holder: tuple(
        kind
        for kind, fields in _PACKED_BY.items()
        if kind == holder or any(KINDS[kind].ref_of[field].kind == holder for field in fields)
    )
    for holder in KINDS
}
"""Kind of an object → kinds of the packs that are named after it: its own kind and the kinds of its parts."""

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
"""Kinds that are needed with every object that refers to one of them."""

_AGENTS = "agents"


def pack_of(entity: Entity) -> str:
    """Return the pack of an object: that of its owner, so that objects that are read together are in one document."""
    return f"models/{entity.KIND}/{_holder(entity)}"


def _holder(entity: Entity) -> str:
    for field in _PACKED_BY[entity.KIND]:
        if value := getattr(entity, field):
            return str(value)
    return entity.id


def agent_node(host: str) -> str:
    """Return the node of a host's agent; it is also the name of that host's index."""
    return f"hosts/{host}"


def edges(entity: Entity | None) -> Iterator[Edge]:
    """Yield the edges (from, to) of an object: `from` needs `to`."""
    if entity is None or entity.KIND not in EDGE_KINDS:
        return
    if followed := _FOLLOWED_BY[entity.KIND]:
        for field, target in KINDS[entity.KIND].targets(entity):
            if field in followed:
                yield _holder(entity), target
    if entity.KIND in _FURTHER:
        yield from _FURTHER[entity.KIND](entity)


def _host(host: Host) -> Iterator[Edge]:
    yield agent_node(host.id), host.id
    yield agent_node(host.id), _AGENTS


def _zone(zone: TunnelZone) -> Iterator[Edge]:
    members = f"members/{zone.id}"
    yield members, zone.id
    for member in zone.members:
        yield agent_node(member.host), members
        yield members, member.host


def _port(port: Port) -> Iterator[Edge]:
    device = port.bridge or port.router or ""
    yield port.id, device
    if port.host is not None:
        yield agent_node(port.host), device
        if port.router is not None:
            yield agent_node(port.host), f"bound/{port.id}"
    if port.peer is not None:
        yield device, port.peer


def _rule(rule: Rule) -> Iterator[Edge]:
    if rule.target_port is not None:
        yield rule.chain, rule.target_port


def _container(container: ServiceContainer) -> Iterator[Edge]:
    if container.port is not None:
        yield f"bound/{container.port}", container.service_group


def _for_all(entity: Entity, *, needed: bool = True) -> Iterator[Edge]:
    if needed:
        yield _AGENTS, entity.id


_FURTHER: Mapping[str, Callable[[Any], Iterator[Edge]]] = {
    "host": _host,
    "tunnel-zone": _zone,
    "port": _port,
    "rule": _rule,
    "mirror": lambda mirror: iter([(mirror.id, mirror.to_port)]),
    "pool": lambda pool: iter([(pool.load_balancer, pool.id)]),
    "service-container": _container,
    "trace-request": lambda request: _for_all(request, needed=request.port is not None),
    "l2-insertion": _for_all,
    "port-group": lambda group: _for_all(group, needed=group.stateful),
}
"""Kind → the edges of an object of this kind, in addition to `_FOLLOWED`."""

_FOLLOWED_BY: Mapping[str, frozenset[str]] = {
    name: frozenset(field for field, ref in kind.ref_of.items() if ref.kind in _FOLLOWED)
    for name, kind in KINDS.items()
}
EDGE_KINDS = frozenset({kind for kind, fields in _FOLLOWED_BY.items() if fields} | _FURTHER.keys())
"""Kinds of objects that may have edges."""
