"""DHCP and DHCPv6 for the clients of a bridge, from its subnets (RFC 2131, RFC 8415). There are no leases to keep."""

import ipaddress
import struct
from collections.abc import Iterator
from typing import Any

from midonet.simulation.devices.run import Branch, Run
from midonet.simulation.header import IP4, IP6, UDP
from midonet.simulation.network import Bridge, Port
from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.build.dhcp import ACK, NAK, OFFER, DhcpMessage, dhcp_reply, parse_dhcp
from midonet.simulation.packet.build.dhcpv6 import dhcpv6_reply, parse_dhcpv6
from midonet.simulation.packet.fields import DL_TYPE, IPV6, NW_PROTO, TP_DST
from midonet.simulation.packet.packet import Packet
from midonet.simulation.result import CONSUME

SERVER_MAC = mac_to_int("02:a8:9c:de:39:27")
"""Address that all bridges answer from (MidoNet)."""
_SERVER_PORTS = {IP4: 67, IP6: 547}
_DISCOVER, _REQUEST, _INFORM = 1, 3, 8
_LEASE_SECONDS = 86_400
_MASK, _ROUTER, _DNS, _NAME, _MTU, _LEASE, _ROUTES = 1, 3, 6, 12, 26, 51, 121
_NUMBERS = {
    "server-identifier": 54,
    "router": 3,
    "dns-server": 6,
    "domain-name": 15,
    "ntp-server": 42,
    "tftp-server": 66,
    "bootfile-name": 67,
    "domain-search": 119,
}
"""Names of options that a client's entry may use, besides numbers (RFC 2132)."""
_ADDRESSES = frozenset((3, 6, 42, 54))
"""Options whose values are IPv4 addresses."""


def answer(run: Run, branch: Branch, bridge: Bridge, port: Port) -> bool:
    """Answer a client of a subnet of the bridge; return whether the packet was for the DHCP server."""
    if not bridge.dhcp and not bridge.dhcpv6:
        return False
    header = branch.header
    kind = header.read(DL_TYPE)
    if kind not in _SERVER_PORTS or header.read(NW_PROTO) != UDP or header.read(TP_DST) != _SERVER_PORTS[kind]:
        return False
    packet = run.current(branch)
    reply = _reply(bridge, packet) if kind == IP4 else _reply_6(bridge, packet)
    if reply is None:
        return False
    run.generate(port.id, reply)
    run.step(branch, bridge.entity, "answers the DHCP client")
    run.end(CONSUME, "answered by the DHCP server")
    return True


def _reply(bridge: Bridge, packet: Packet) -> Packet | None:
    """Return the answer to a client that has an entry."""
    asked = parse_dhcp(packet)
    if asked is None:
        return None
    for subnet in bridge.dhcp:
        for host in subnet.hosts:
            if mac_to_int(host.mac) == asked.chaddr:
                return _answered(packet, asked, subnet, host)
    return None


def _answered(packet: Packet, asked: DhcpMessage, subnet: Any, host: Any) -> Packet | None:
    server = (SERVER_MAC, ip_to_int(subnet.server_address or subnet.gateway or _first(subnet.subnet)))
    address = ip_to_int(host.address)
    if asked.server not in (0, server[1]):
        return None
    if asked.type == _DISCOVER:
        return dhcp_reply(packet, OFFER, address, server, [*_lease(), *_options(subnet, host)])
    if asked.type == _INFORM:
        return dhcp_reply(packet, ACK, 0, server, _options(subnet, host))
    if asked.type != _REQUEST:
        return None
    if (asked.requested or asked.ciaddr) not in (0, address):
        return dhcp_reply(packet, NAK, 0, server)
    return dhcp_reply(packet, ACK, address, server, [*_lease(), *_options(subnet, host)])


def _first(prefix: str) -> str:
    return str(next(ipaddress.ip_network(prefix).hosts()))


def _lease() -> list[tuple[int, bytes]]:
    return [(_LEASE, _LEASE_SECONDS.to_bytes(4, "big"))]


def _options(subnet: Any, host: Any) -> Iterator[tuple[int, bytes]]:
    """Yield the options of a subnet and of a client."""
    network = ipaddress.ip_network(subnet.subnet)
    yield _MASK, network.netmask.packed
    if subnet.gateway:
        yield _ROUTER, _packed(subnet.gateway)
    if subnet.dns_servers:
        yield _DNS, b"".join(map(_packed, subnet.dns_servers))
    if host.name:
        yield _NAME, host.name.encode()[:255]
    if subnet.interface_mtu:
        yield _MTU, struct.pack("!H", subnet.interface_mtu)
    if subnet.routes:
        yield _ROUTES, b"".join(_classless(route) for route in subnet.routes)
    yield from (found for option in host.options if (found := _extra(option.name, option.value)))


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def _classless(route: Any) -> bytes:
    """Return a route as RFC 3442 encodes it."""
    network = ipaddress.ip_network(route.destination)
    return (
        bytes((network.prefixlen,))
        + network.network_address.packed[: (network.prefixlen + 7) // 8]
        + _packed(route.gateway)
    )


def _extra(name: str, value: str) -> tuple[int, bytes] | None:
    """Return an option by name or number; None for a name that is not known or a value that does not fit."""
    number = int(name) if name.isascii() and name.isdigit() else _NUMBERS.get(name.lower(), 0)
    if not 0 < number < 255:  # noqa: PLR2004 - the end of options
        return None
    if number not in _ADDRESSES:
        return number, value.encode()[:255]
    try:
        return number, b"".join(_packed(part.strip()) for part in value.split(","))
    except ValueError:
        return None


def _reply_6(bridge: Bridge, packet: Packet) -> Packet | None:
    """Return the answer to a DHCPv6 client that has an entry, by its unique identifier."""
    asked = parse_dhcpv6(packet)
    if asked is None:
        return None
    client = asked.client_id.hex()
    for subnet in bridge.dhcpv6:
        for host in subnet.hosts:
            if host.client_id.replace(":", "").lower() == client:
                return dhcpv6_reply(packet, ip_to_int(host.address), (SERVER_MAC, _link_local(SERVER_MAC)))
    return None


def _link_local(mac: int) -> int:
    """Return the link-local address of a MAC address (RFC 4291 appendix A)."""
    high, low = mac >> 24 ^ 0x020000, mac & 0xFFFFFF
    return IPV6 | 0xFE80 << 112 | high << 40 | 0xFFFE << 24 | low
