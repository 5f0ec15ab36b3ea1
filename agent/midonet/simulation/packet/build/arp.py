"""ARP (RFC 826)."""

from midonet.simulation.packet.build.answering import tags
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.compose import Link, arp, ethernet
from midonet.simulation.packet.fields import ARP_SHA, NW_DST, NW_SRC
from midonet.simulation.packet.numbers import ARP, BROADCAST
from midonet.simulation.packet.packet import Packet

REQUEST, REPLY = 1, 2


def arp_reply(request: Packet, mac: int) -> Packet:
    """Return the answer that the address asked for is at a MAC address."""
    values = request.values
    sender = values[ARP_SHA]
    body = arp(REPLY, (mac, values[NW_DST]), (sender, values[NW_SRC]))
    return decode(ethernet(Link(mac, sender, tags(request)), ARP, body))


def arp_request(mac: int, source_ip: int, target_ip: int, vlan: int = 0) -> Packet:
    """Ask all stations for the MAC address of an IPv4 address; `vlan` is a tag."""
    link = Link(mac, BROADCAST, (vlan,) if vlan else ())
    return decode(ethernet(link, ARP, arp(REQUEST, (mac, source_ip), (0, target_ip))))
