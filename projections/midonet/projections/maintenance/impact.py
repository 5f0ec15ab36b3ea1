"""Affected hosts and VTEPs: those with values in a view that a change would change.

Computed with the same pure projections that maintain the views, on a topology that is restored afterwards. It costs one
pass over the topology, and the changed values; nothing is written. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from midonet.events.commit import Event
from midonet.events.model import Entity
from midonet.events.model.vtep import Vtep
from midonet.events.system.objects import SYSTEM_KINDS
from midonet.events.topology.evolve import Change, evolve
from midonet.events.topology.topology import Topology
from midonet.projections.nsdb.host_dependencies import agent_node, edges, pack_of
from midonet.projections.nsdb.reachability import Graph
from midonet.projections.vtep.keys import Key, Value
from midonet.projections.vtep.projection import VtepProjection


class Impact(Struct, frozen=True):
    """Ids of the affected hosts and VTEPs, sorted."""

    hosts: list[str]
    vteps: list[str]


def impact(topology: Topology, events: Sequence[Event]) -> Impact:
    """Return the hosts and VTEPs that these events would affect now."""
    graph = _graph(topology)
    switches = {vtep: _attached(vtep, topology) for vtep in _vteps(topology, events)}
    with _applied(topology, events) as changes:
        hosts = _hosts(graph, changes)
        touched = {vtep: switch.apply(changes) for vtep, switch in switches.items()}
        after = {vtep: _values(switch, touched[vtep]) for vtep, switch in switches.items()}
    undone = [Change(change.kind, change.id, change.new, change.old) for change in reversed(changes)]
    for switch in switches.values():
        switch.apply(undone)
    managed = {c.id for c in changes if c.kind == "vtep" and _address(c.old) != _address(c.new)}
    vteps = {vtep for vtep, switch in switches.items() if _values(switch, touched[vtep]) != after[vtep]}
    return Impact(sorted(hosts), sorted(vteps | managed))


def with_names(
    kind: str, ids: Iterable[str], topology: Topology, events: Iterable[Event]
) -> list[dict[str, str | None]]:
    """Return ids with names, also of objects that the events would create."""
    new = {event.key: event.data.get("name") for event in events if event.type == f"{kind}.created"}
    present = {object_id: topology.get(kind, object_id) for object_id in ids}
    return [{"id": i, "name": one.name if one is not None else new.get(f"{kind}/{i}")} for i, one in present.items()]


@contextmanager
def _applied(topology: Topology, events: Iterable[Event]) -> Iterator[list[Change]]:
    """Apply events for the duration of the context; yield the changes of the network."""
    notes, changes = topology.checkpoint(), list[Change]()
    try:
        changes += (evolve(topology, event, notes.head.position + 1) for event in events)
        yield [change for change in changes if change.kind not in SYSTEM_KINDS]
    finally:
        for change in reversed(changes):
            if change.kind not in SYSTEM_KINDS:
                topology.swap(change.id, change.old)
        topology.restore(notes)


def _graph(topology: Topology) -> Graph:
    graph = Graph()
    for entity in topology:
        graph.replace((), edges(entity))
    return graph


def _hosts(graph: Graph, changes: Sequence[Change]) -> set[str]:
    """Return the hosts that need a changed document, before or after the change."""
    holders = {_holder(entity) for change in changes for entity in (change.old, change.new) if entity is not None}
    before = graph.reaching(holders)
    nodes: set[str] = set()
    for change in changes:
        nodes |= graph.replace(edges(change.old), edges(change.new))
    reaching = before | graph.reaching(holders | nodes)
    prefix = agent_node("")
    return {node.removeprefix(prefix) for node in reaching if node.startswith(prefix)}


def _holder(entity: Entity) -> str:
    return pack_of(entity).rpartition("/")[2]


def _vteps(topology: Topology, events: Iterable[Event]) -> set[str]:
    keys = (event.key.partition("/") for event in events)
    return {*topology.all("vtep"), *(object_id for kind, _, object_id in keys if kind == "vtep")}


def _attached(vtep: str, topology: Topology) -> VtepProjection:
    projection = VtepProjection(vtep)
    projection.attach(topology)
    return projection


def _address(vtep: Vtep | None) -> tuple[str, int] | None:
    return (vtep.management_ip, vtep.management_port) if vtep is not None else None


def _values(projection: VtepProjection, keys: Iterable[Key]) -> dict[Key, Value | None]:
    return {key: projection.render(key) for key in keys}
