"""Where the fields that can be rewritten are in a frame, how they are written, and which checksums cover them."""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import NamedTuple

from midonet.simulation.packet.fields import (
    ARP_SHA,
    ARP_THA,
    DL_DST,
    DL_SRC,
    DL_TYPE,
    ICMP_ID,
    IPV6,
    NW_DST,
    NW_PROTO,
    NW_SRC,
    NW_TOS,
    NW_TTL,
    TP_DST,
    TP_SRC,
)
from midonet.simulation.packet.numbers import ARP, ECHOES, ECHOES6, ICMP, ICMP6, IP4, IP6, SCTP, TCP, UDP
from midonet.simulation.packet.packet import Packet

LINK, NETWORK, TRANSPORT = range(3)
"""What an offset is relative to: the frame, the network header, the transport header."""
UNSUMMED, HEADER, SOURCE, TARGET, PORTS = range(5)
"""Groups of fields that the same checksums cover: none; that of IPv4; that and the transport's; the transport's."""


class Place(NamedTuple):
    """Where one field is."""

    base: int
    offset: int
    write: Callable[[bytearray, int, int], None]
    """(buffer, offset, value)"""
    group: int = UNSUMMED
    weight: int = 1
    """256 for the upper byte of a word."""


Layout = Mapping[int, Place]

_byte: Callable[[bytearray, int, int], None] = Struct(">B").pack_into
_short: Callable[[bytearray, int, int], None] = Struct(">H").pack_into
_long: Callable[[bytearray, int, int], None] = Struct(">I").pack_into
_short_and_long: Callable[[bytearray, int, int, int], None] = Struct(">HI").pack_into


def _mac(buffer: bytearray, at: int, value: int) -> None:
    _short_and_long(buffer, at, value >> 32, value & 0xFFFFFFFF)


def _address6(buffer: bytearray, at: int, value: int) -> None:
    buffer[at : at + 16] = (value ^ IPV6).to_bytes(16, "big")


def _traffic_class(buffer: bytearray, at: int, value: int) -> None:
    word = int.from_bytes(buffer[at : at + 2], "big")
    buffer[at : at + 2] = (word & 0xF00F | value << 4).to_bytes(2, "big")


_LINK: Layout = {DL_DST: Place(LINK, 0, _mac), DL_SRC: Place(LINK, 6, _mac)}
_ARP: Layout = {
    **_LINK,
    NW_PROTO: Place(NETWORK, 6, _short),
    ARP_SHA: Place(NETWORK, 8, _mac),
    NW_SRC: Place(NETWORK, 14, _long),
    ARP_THA: Place(NETWORK, 18, _mac),
    NW_DST: Place(NETWORK, 24, _long),
}
_IP4: Layout = {
    **_LINK,
    NW_TOS: Place(NETWORK, 1, _byte, HEADER),
    NW_TTL: Place(NETWORK, 8, _byte, HEADER, 256),
    NW_SRC: Place(NETWORK, 12, _long, SOURCE),
    NW_DST: Place(NETWORK, 16, _long, TARGET),
}
_IP6: Layout = {
    **_LINK,
    NW_TOS: Place(NETWORK, 0, _traffic_class),
    NW_TTL: Place(NETWORK, 7, _byte),
    NW_SRC: Place(NETWORK, 8, _address6, SOURCE),
    NW_DST: Place(NETWORK, 24, _address6, TARGET),
}
_PORTS: Layout = {TP_SRC: Place(TRANSPORT, 0, _short, PORTS), TP_DST: Place(TRANSPORT, 2, _short, PORTS)}
_ECHO: Layout = {ICMP_ID: Place(TRANSPORT, 4, _short, PORTS)}

_BARE = {IP4: _IP4, IP6: _IP6}
_WITH_PORTS = {(kind, proto): {**_BARE[kind], **_PORTS} for kind in _BARE for proto in (TCP, UDP, SCTP)}
_WITH_ECHO = {
    **{(IP4, ICMP, kind): {**_IP4, **_ECHO} for kind in ECHOES},
    **{(IP6, ICMP6, kind): {**_IP6, **_ECHO} for kind in ECHOES6},
}


def ip_layout(kind: int, proto: int, message: int, l4: int) -> Layout:
    """Return the layout of an IP packet; `message` is the type of an ICMP message."""
    if l4 < 0:
        return _BARE[kind]
    return _WITH_PORTS.get((kind, proto)) or _WITH_ECHO.get((kind, proto, message)) or _BARE[kind]


def layout(packet: Packet) -> Layout:
    """Return the layout of a packet: the fields that it has and that can be rewritten."""
    values = packet.values
    kind = values[DL_TYPE]
    if kind in _BARE and packet.l3 >= 0:
        return ip_layout(kind, values[NW_PROTO], values[TP_SRC], packet.l4)
    return _ARP if kind == ARP and packet.payload > packet.l3 else _LINK
