"""Neighbour discovery of IPv6 (RFC 4861)."""

from midonet.simulation.packet.build.answering import tags
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.compose import NEIGHBOUR_TTL, Ip, Link, address, icmp, ip_frame, link_option
from midonet.simulation.packet.fields import DL_SRC, IPV6, ND_TARGET, NW_SRC
from midonet.simulation.packet.numbers import ADVERTISEMENT, ICMP6, SOLICITATION, SOURCE_LINK, TARGET_LINK
from midonet.simulation.packet.packet import Packet

_ROUTER, _SOLICITED, _OVERRIDE = 1 << 31, 1 << 30, 1 << 29
_ALL_NODES = IPV6 | 0xFF02 << 112 | 1
_ALL_NODES_MAC = 0x333300000001
_SOLICITED_NODE = IPV6 | 0xFF02 << 112 | 0x1FF << 24
_SOLICITED_NODE_MAC = 0x3333FF000000


def neighbour_solicitation(mac: int, source_ip: int, target_ip: int, vlan: int = 0) -> Packet:
    """Ask for the MAC address of an IPv6 address; `vlan` is a tag."""
    low = target_ip & 0xFFFFFF
    body = icmp(SOLICITATION, 0, 0, address(target_ip) + link_option(SOURCE_LINK, mac))
    header = Ip(source_ip, _SOLICITED_NODE | low, ICMP6, NEIGHBOUR_TTL)
    return decode(ip_frame(Link(mac, _SOLICITED_NODE_MAC | low, (vlan,) if vlan else ()), header, body))


def neighbour_advertisement(solicitation: Packet, mac: int, *, router: bool = True) -> Packet:
    """Return the answer that the target of a solicitation is at a MAC address.

    Without a source address, the sender looks for duplicates: the answer goes to all nodes.
    """
    values = solicitation.values
    asks = values[NW_SRC] != IPV6
    flags = _OVERRIDE | (_ROUTER if router else 0) | (_SOLICITED if asks else 0)
    target = values[ND_TARGET]
    body = icmp(ADVERTISEMENT, 0, flags, address(target) + link_option(TARGET_LINK, mac))
    link = Link(mac, values[DL_SRC] if asks else _ALL_NODES_MAC, tags(solicitation))
    return decode(ip_frame(link, Ip(target, values[NW_SRC] if asks else _ALL_NODES, ICMP6, NEIGHBOUR_TTL), body))
