"""Which host runs which service container: MidoNet's policies as a pure function of topology and living hosts.

A container runs where its port is bound. Chance is a hash of container and host, so that every daemon draws the same
lot, and a host that comes or goes moves no other container (rendezvous hashing, weighted).
"""

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID, uuid5

from midonet.events.commands.command import Command, Update
from midonet.events.model.host import Host
from midonet.events.model.port import Port
from midonet.events.model.service_container import ServiceContainer, ServiceContainerGroup, container_interface
from midonet.events.topology.topology import Topology

_NAMESPACE = UUID("6d69646f-6e65-5274-8000-706c61636500")


class Placement(NamedTuple):
    """One decision: this container runs on this host."""

    container: str
    host: str
    before: str | None
    """Where it ran."""
    command: Command
    command_id: str
    """The same for all who decide on the same state of the port: of several decisions only the first counts."""


def place(topology: Topology, alive: Collection[str], away: Collection[str] = ()) -> list[Placement]:
    """Return where containers have to go that run nowhere, or where they may not.

    Hosts that are `away` only for a moment keep their containers and get no new ones. A container for which there is no
    host stays where it was.
    """
    groups = topology.all("service-container-group")
    allowed = {group.id: _allowed(topology, group) for group in groups.values()}
    loads = _loads(topology)
    found = []
    for container_id in sorted(topology.all("service-container")):
        container = topology.get("service-container", container_id)
        port = _free_port(topology, container)
        hosts = allowed[container.service_group]
        if port is None or (port.host in hosts and (port.host in alive or port.host in away)):
            continue
        candidates = [host for host in hosts.values() if host.id in alive and host.id != port.host]
        chosen = _choose(groups[container.service_group], container_id, candidates, loads)
        if chosen is not None:
            loads[chosen] += 1
            loads[port.host or ""] -= 1
            found.append(_placement(container, port, chosen))
    return found


def _loads(topology: Topology) -> Counter[str]:
    containers = topology.all("service-container").values()
    ports = (topology.get("port", container.port) for container in containers if container.port)
    return Counter(port.host for port in ports if port is not None and port.host)


def _free_port(topology: Topology, container: ServiceContainer) -> Port | None:
    """Return the port of a container if it is one that can be bound."""
    port: Port | None = topology.get("port", container.port) if container.port else None
    return port if port is not None and port.peer is None and port.vtep is None else None


def _allowed(topology: Topology, group: ServiceContainerGroup) -> dict[str, Host]:
    """Return the hosts that a group allows and that a port can be bound to (MidoNet's host selector)."""
    zones = topology.all("tunnel-zone").values()
    reachable = {member.host for zone in zones for member in zone.members}
    return {
        host.id: host
        for host in topology.all("host").values()
        if host.container_weight > 0 and host.id in reachable and _selects(topology, group, host.id)
    }


def _choose(group: ServiceContainerGroup, container: str, hosts: Sequence[Host], loads: Counter[str]) -> str | None:
    """Return the host with the fewest containers, or the one that the lot falls on; below their limits if possible."""
    room = [host for host in hosts if host.container_limit < 0 or loads[host.id] < host.container_limit]
    open_ = room or [host for host in hosts if not host.enforce_container_limit]
    least = group.policy == "least"
    return max(open_, key=lambda host: (-loads[host.id] * least, _draw(container, host))).id if open_ else None


def _selects(topology: Topology, group: ServiceContainerGroup, host: str) -> bool:
    if group.host_group is not None:
        return host in topology.get("host-group", group.host_group).hosts
    if group.port_group is not None:
        ports = (topology.get("port", port) for port in topology.get("port-group", group.port_group).ports)
        return any(port is not None and port.host == host for port in ports)
    return True


def _draw(container: str, host: Host) -> float:
    """Return the lot of a host; the highest wins, with a chance in proportion to the weight."""
    digest = hashlib.sha256(f"{container}/{host.id}".encode()).digest()
    chance = (int.from_bytes(digest[:8]) + 1) / (2**64 + 2)
    return host.container_weight / -math.log(chance)


def _placement(container: ServiceContainer, port: Port, host: str) -> Placement:
    bind = Update("port", port.id, {"host": host, "interface": container_interface(port.id)})
    command_id = str(uuid5(_NAMESPACE, f"{container.id}/{port.id}/{port.position}"))
    return Placement(container.id, host, port.host, Command("service-container.place", [bind]), command_id)
