"""The MAC address behind an IP address, as seen from a router port."""

from typing import Any

from midonet.simulation.devices.run import Run
from midonet.simulation.network import Bridge, Port
from midonet.simulation.packet.addresses import ip_to_int, mac_to_int


def resolve(run: Run, router: str, port: Port, address: int) -> int | None:
    """Return the MAC address for an IP address: learned, or what an ARP request would be answered with."""
    learned = run.tables.neighbour(router, address)
    if learned is not None:
        return learned
    peer = run.network.port(port.entity.peer) if port.entity.peer else None
    if peer is None:
        return None
    if peer.entity.router is not None:
        return peer.mac if peer.has(address) else None
    return on_bridge(run, peer.device, address)


def on_bridge(run: Run, bridge_id: str, address: int) -> int | None:
    """Return the MAC address that a request on a bridge is answered with: tables, router ports, DHCP clients."""
    bridge = run.network.bridge(bridge_id)
    if bridge is None:
        return None
    run.tags.add(bridge_id)
    return run.tables.neighbour(bridge_id, address) or known_on_bridge(bridge, address)


def known_on_bridge(bridge: Bridge, address: int) -> int | None:
    """Return the MAC address of a static entry, or of a router's port, on a bridge."""
    return bridge.neighbours.get(address) or bridge.stations.get(address)


def dhcp_client(run: Run, port: Port, address: int) -> int | None:
    """Return the MAC address of the DHCP client that gets an address on the bridge behind a port."""
    peer = run.network.port(port.entity.peer) if port.entity.peer else None
    bridge = run.network.bridge(peer.device) if peer is not None else None
    clients: list[Any] = [host for subnet in bridge.dhcp for host in subnet.hosts] if bridge is not None else []
    return next((mac_to_int(host.mac) for host in clients if ip_to_int(host.address) == address), None)
