"""ICMP (RFC 792, RFC 1812) and ICMPv6 (RFC 4443): echo replies and errors."""

from midonet.simulation.packet.build.answering import answer, link_back
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.compose import Ip, icmp, ip_frame
from midonet.simulation.packet.fields import DL_DST, DL_TYPE, IPV6, NW_DST, NW_FRAG, NW_PROTO, NW_SRC, TP_SRC
from midonet.simulation.packet.numbers import (
    ECHO_REPLY,
    ECHO_REPLY6,
    ERRORS,
    ERRORS6,
    GROUP_BIT,
    ICMP,
    ICMP6,
    IP4,
    IP6,
    LATER_FRAGMENT,
)
from midonet.simulation.packet.packet import Packet

_QUOTED4 = 576 - 20 - 8
"""Bytes of the original packet in an error: the error is no longer than 576 bytes (RFC 1812 §4.3.2.3)."""
_QUOTED6 = 1280 - 40 - 8
"""As for IPv4; the error fits the least MTU of IPv6 (RFC 4443 §2.4)."""
_INTERNETWORK_CONTROL = 0xC0
"""Precedence of errors (RFC 1812 §4.3.2.5)."""
_REDIRECT6 = 137


def echo_reply(packet: Packet) -> Packet:
    """Return the answer to an echo request, from the address that it was for."""
    six = packet.values[DL_TYPE] == IP6
    word = int.from_bytes(packet.frame[packet.l4 + 4 : packet.payload], "big")
    body = icmp(ECHO_REPLY6 if six else ECHO_REPLY, 0, word, packet.payload_bytes)
    return answer(packet, ICMP6 if six else ICMP, body)


def icmp_error(  # noqa: PLR0913 - type, code and MTU are the header's, the others say from where
    packet: Packet, kind: int, code: int, source_ip: int, dl_src: int, *, mtu: int = 0
) -> Packet:
    """Return an ICMP or ICMPv6 error about a packet; `mtu` is for those that have one.

    Ask `may_answer_with_error` before.
    """
    six = packet.values[DL_TYPE] == IP6
    quoted = packet.frame[packet.l3 : packet.end][: _QUOTED6 if six else _QUOTED4]
    proto, tos = (ICMP6, 0) if six else (ICMP, _INTERNETWORK_CONTROL)
    header = Ip(source_ip, packet.values[NW_SRC], proto, tos=tos)
    return decode(ip_frame(link_back(packet, dl_src), header, icmp(kind, code, mtu, quoted)))


def may_answer_with_error(packet: Packet) -> bool:
    """Return whether an error may be sent about a packet (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4)."""
    values = packet.values
    kind, target = values[DL_TYPE], values[NW_DST]
    if kind not in (IP4, IP6) or packet.l3 < 0 or values[NW_FRAG] == LATER_FRAGMENT or values[DL_DST] & GROUP_BIT:
        return False
    if _is_group(target) or not _is_host(values[NW_SRC]):
        return False
    return not _is_error(packet)


def _is_error(packet: Packet) -> bool:
    """Return whether a packet is an ICMP error, or may be one."""
    values = packet.values
    proto, errors = (ICMP6, ERRORS6 | {_REDIRECT6}) if values[DL_TYPE] == IP6 else (ICMP, ERRORS)
    return values[NW_PROTO] == proto and (packet.l4 < 0 or values[TP_SRC] in errors)


def _is_group(address: int) -> bool:
    """Return whether an address is one of multicast, or of the reserved ones up to broadcast."""
    return address >> 120 & 0xFF == 0xFF if address & IPV6 else address >> 28 >= 0xE  # noqa: PLR2004 - prefixes


def _is_host(address: int) -> bool:
    """Return whether an address is that of one host, which is reached over a network."""
    if _is_group(address):
        return False
    return address > IPV6 + 1 if address & IPV6 else address >> 24 not in (0, 127)
