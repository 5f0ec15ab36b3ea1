"""A simulation for people: the packet completed with what its sender would use, and the answer to it."""

from typing import NamedTuple

from midonet.simulation.devices.answers import version_of
from midonet.simulation.devices.neighbours import known_on_bridge
from midonet.simulation.facts import AllAlive, KnownState, Liveness, NoTables, Tables
from midonet.simulation.header import ICMP, ICMP6, IP4, IP6
from midonet.simulation.match.terms import prefix_range
from midonet.simulation.network import Bridge, Network, Port
from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.build.icmp import echo_reply
from midonet.simulation.packet.fields import (
    DL_DST,
    DL_SRC,
    DL_TYPE,
    NW_DST,
    NW_PROTO,
    NW_SRC,
    NW_TTL,
    TP_DST,
    TP_SRC,
)
from midonet.simulation.packet.packet import Packet
from midonet.simulation.packet.rewrite import rewrite
from midonet.simulation.packet.text import format_field, parse
from midonet.simulation.result import Result
from midonet.simulation.simulate import simulate

_UNKNOWN_STATION = 0x02_00_00_00_00_01
"""MAC address of a sender of which nothing is known."""
_TTL = 64
_ECHO_REQUESTS = ((ICMP, 8), (ICMP6, 128))


class Given(NamedTuple):
    """What a trace is told besides topology and packet."""

    tables: Tables = NoTables()
    alive: Liveness = AllAlive()
    strict: bool = False


def packet_from(network: Network, port: Port, text: str) -> tuple[Packet, dict[str, str]]:
    """Return the packet that a text describes, and the fields that were left out with their values.

    Raises `InvalidValue` for a text that describes no packet.
    """
    packet = parse(text)
    defaults: dict[int, int] = {}
    for field, guess in ((NW_SRC, _address), (DL_SRC, _station), (DL_DST, _next_station)):
        value = guess(network, port, packet)
        if value is not None and _is_free(text, field, value):
            defaults[field] = value
            packet = parse(text, defaults)
    return packet, dict(format_field(field, value) for field, value in defaults.items())


def _is_free(text: str, field: int, value: int) -> bool:
    """Return whether a text leaves a field to be chosen."""
    probe = value ^ 1
    return parse(text, {field: probe}).values[field] == probe


def _address(network: Network, port: Port, packet: Packet) -> int | None:
    """Return the IP address of the station behind a port, of the version of the packet."""
    bridge = network.bridge(port.device) if port.entity.bridge else None
    if bridge is None or packet.values[DL_TYPE] not in (IP4, IP6):
        return None
    stations = {mac_to_int(one.mac) for one in network.view.referrers(port.id, "mac-entry", "port")}
    version = version_of(packet.values[NW_DST])
    known = (ip for ip, mac in bridge.neighbours.items() if mac in stations and version_of(ip) == version)
    return min(known, default=None)


def _station(network: Network, port: Port, packet: Packet) -> int:
    """Return the MAC address of the station behind a port."""
    view = network.view
    static = next(iter(view.referrers(port.id, "mac-entry", "port")), None)
    if static is not None:
        return mac_to_int(static.mac)
    bridge = network.bridge(port.device) if port.entity.bridge else None
    source = packet.values[NW_SRC]
    if bridge is not None and source:
        known = bridge.neighbours.get(source) or next(
            (mac_to_int(host.mac) for subnet in bridge.dhcp for host in subnet.hosts if _is(host.address, source)), None
        )
        if known is not None:
            return known
    return _UNKNOWN_STATION


def _is(text: str, address: int) -> bool:
    return ip_to_int(text) == address


def _next_station(network: Network, port: Port, packet: Packet) -> int | None:
    """Return the MAC address that a sender would use for a destination: the station's, or its router port's."""
    if packet.values[DL_TYPE] not in (IP4, IP6):
        return None
    if port.entity.router is not None:
        return port.mac
    bridge = network.bridge(port.device)
    if bridge is None:
        return None
    direct = known_on_bridge(bridge, packet.values[NW_DST])
    if direct is not None:
        return direct
    return _gateway(bridge, packet)


def _gateway(bridge: Bridge, packet: Packet) -> int | None:
    """Return the MAC address of the router port whose subnet has the sender, else of any of that IP version."""
    source, destination = packet.values[NW_SRC], packet.values[NW_DST]
    near = [mac for address, mac in bridge.stations.items() if version_of(address) == version_of(destination)]
    gateways = [ip_to_int(one.gateway) for one in bridge.dhcp if one.gateway and source in prefix(one.subnet)]
    return next((bridge.stations[ip] for ip in gateways if ip in bridge.stations), near[0] if near else None)


def prefix(text: str) -> range:
    """Return the addresses of a prefix."""
    first, last = prefix_range(text)
    return range(first, last + 1)


def trace(network: Network, ingress: str, packet: Packet, given: Given, state: KnownState | None = None) -> Result:
    """Return what happens to a packet that enters at a port."""
    return simulate(packet, ingress, network, tables=given.tables, state=state, alive=given.alive, strict=given.strict)


def answer_of(packet: Packet) -> Packet | None:
    """Return the packet that a receiver would answer with; None if it would not."""
    values = packet.values
    if values[DL_TYPE] not in (IP4, IP6):
        return None
    changes = {
        DL_SRC: values[DL_DST],
        DL_DST: values[DL_SRC],
        NW_SRC: values[NW_DST],
        NW_DST: values[NW_SRC],
        NW_TTL: _TTL,
    }
    if values[NW_PROTO] in (ICMP, ICMP6):
        return echo_reply(packet) if (values[NW_PROTO], values[TP_SRC]) in _ECHO_REQUESTS else None
    return rewrite(packet, {**changes, TP_SRC: values[TP_DST], TP_DST: values[TP_SRC]})


def answers(network: Network, result: Result, given: Given) -> list[tuple[str, Packet, Result]]:
    """Trace the answer to each delivered packet, with the state that the packet left."""
    state = KnownState()
    state.records.update(result.state)
    found = []
    for output in result.outputs:
        answer = answer_of(output.packet)
        if answer is not None:
            found.append((output.port, answer, trace(network, output.port, answer, given, state)))
    return found
