"""Placement of service containers on hosts by MidoNet's policies. Pure.

A container runs where its port is bound. Random choice is weighted rendezvous hashing of container and host: all
daemons choose the same host, and a host that joins or leaves moves no other container.
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
    """One decision: a container is to run on a host."""

    container: str
    host: str
    before: str | None
    """The host on which it ran, if any."""
    command: Command
    command_id: str
    """Derived from the state of the port, so that only the first of several concurrent decisions is committed."""


def place(topology: Topology, alive: Collection[str], away: Collection[str] = ()) -> list[Placement]:
    """Return placements for containers that run on no host or on a host that is dead or not allowed.

    Hosts in `away` (down for a short time) keep their containers and get no new ones. A container without a suitable
    host stays where it is.
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
    """Return the port of a container if it can be bound."""
    port: Port | None = topology.get("port", container.port) if container.port else None
    return port if port is not None and port.peer is None and port.vtep is None else None


def _allowed(topology: Topology, group: ServiceContainerGroup) -> dict[str, Host]:
    """Return the hosts that a group allows and that are in a tunnel zone (MidoNet's host selector)."""
    zones = topology.all("tunnel-zone").values()
    reachable = {member.host for zone in zones for member in zone.members}
    return {
        host.id: host
        for host in topology.all("host").values()
        if host.container_weight > 0 and host.id in reachable and _selects(topology, group, host.id)
    }


def _choose(group: ServiceContainerGroup, container: str, hosts: Sequence[Host], loads: Counter[str]) -> str | None:
    """Return the host with the fewest containers, or a random one by policy; below their limits if possible."""
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
    """Return the score of a host; the highest wins, with a probability proportional to its weight."""
    digest = hashlib.sha256(f"{container}/{host.id}".encode()).digest()
    chance = (int.from_bytes(digest[:8]) + 1) / (2**64 + 2)
    return host.container_weight / -math.log(chance)


def _placement(container: ServiceContainer, port: Port, host: str) -> Placement:
    bind = Update("port", port.id, {"host": host, "interface": container_interface(port.id)})
    command_id = str(uuid5(_NAMESPACE, f"{container.id}/{port.id}/{port.position}"))
    return Placement(container.id, host, port.host, Command("service-container.place", [bind]), command_id)
