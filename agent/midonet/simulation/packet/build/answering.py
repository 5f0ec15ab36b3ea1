"""What all answers share: the way back."""

from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.compose import Ip, Link, ip_frame
from midonet.simulation.packet.fields import DL_DST, DL_SRC, INNER_VLAN, NW_DST, NW_SRC, NW_TOS, VLAN
from midonet.simulation.packet.packet import Packet


def tags(packet: Packet) -> list[int]:
    """Return the VLAN tags of a packet, from the outer one on."""
    return [packet.values[field] for field in (VLAN, INNER_VLAN) if packet.values[field]]


def link_back(packet: Packet, source: int | None = None) -> Link:
    """Return the link to the sender of a packet, from the station that it was for, or from another one."""
    values = packet.values
    return Link(values[DL_DST] if source is None else source, values[DL_SRC], tags(packet))


def answer(packet: Packet, proto: int, body: bytes) -> Packet:
    """Return an IP packet from the receiver of a packet to its sender."""
    values = packet.values
    header = Ip(values[NW_DST], values[NW_SRC], proto, tos=values[NW_TOS])
    return decode(ip_frame(link_back(packet), header, body))
