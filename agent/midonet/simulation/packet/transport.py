"""Decode transport headers: TCP, UDP, SCTP, ICMP, ICMPv6 and what an ICMP error quotes."""

from collections.abc import Callable, Mapping
from struct import Struct

from midonet.simulation.packet.extensions import walk
from midonet.simulation.packet.fields import IPV6
from midonet.simulation.packet.numbers import (
    ADVERTISEMENT,
    ECHOES,
    ECHOES6,
    ERRORS,
    ERRORS6,
    ICMP,
    ICMP6,
    SCTP,
    SOLICITATION,
    SOURCE_LINK,
    TARGET_LINK,
    TCP,
    UDP,
)

Values = tuple[int, ...]
Decoder = Callable[[bytes, int, int], tuple[Values, int]]
"""(frame, offset, end of the packet) → (values of the fields from TP_SRC on, length of the header).

The length is 0 if the header is truncated or malformed.
"""

ABSENT: Values = (0,) * 13
"""Values of a packet without a transport header."""
_NONE = (ABSENT, 0)
_NO_DATA = (0,) * 5
_PORTS = Struct(">HH")
_TCP = Struct(">HH8xH")
_ICMP = Struct(">BBxxH")
_IP4 = Struct(">BxHxxHxBxxII")


def _tcp(frame: bytes, at: int, end: int) -> tuple[Values, int]:
    if at + 20 > end:
        return _NONE
    source, target, flags = _TCP.unpack_from(frame, at)
    length = flags >> 10 & 0x3C
    if not 20 <= length <= end - at:  # noqa: PLR2004 - the length of the header without options
        return _NONE
    return (source, target, flags & 0xFFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), length


def _ports(length: int) -> Decoder:
    def decode(frame: bytes, at: int, end: int) -> tuple[Values, int]:
        if at + length > end:
            return _NONE
        source, target = _PORTS.unpack_from(frame, at)
        return (source, target, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), length

    return decode


def _icmp(frame: bytes, at: int, end: int) -> tuple[Values, int]:
    if at + 8 > end:
        return _NONE
    kind, code, number = _ICMP.unpack_from(frame, at)
    echo = number if kind in ECHOES else 0
    data = quoted_values(quoted4(frame, at + 8, end), frame) if kind in ERRORS else _NO_DATA
    return (kind, code, 0, 0, 0, 0, 0, echo, *data), 8


def _icmp6(frame: bytes, at: int, end: int) -> tuple[Values, int]:
    if at + 8 > end:
        return _NONE
    kind, code, number = _ICMP.unpack_from(frame, at)
    echo = number if kind in ECHOES6 else 0
    data = quoted_values(quoted6(frame, at + 8, end), frame) if kind in ERRORS6 else _NO_DATA
    target = link = 0
    if code == 0 and kind in (SOLICITATION, ADVERTISEMENT):
        target, link = _neighbour(frame, at, end, SOURCE_LINK if kind == SOLICITATION else TARGET_LINK)
    return (kind, code, 0, 0, 0, target, link, echo, *data), 8


def _neighbour(frame: bytes, at: int, end: int, wanted: int) -> tuple[int, int]:
    """Return target and link-layer address; none if the address is there twice, as Open vSwitch does."""
    if at + 24 > end:
        return 0, 0
    target = int.from_bytes(frame[at + 8 : at + 24], "big") | IPV6
    link, at = 0, at + 24
    while at + 8 <= end and frame[at + 1] and at + frame[at + 1] * 8 <= end:
        if frame[at] == wanted and frame[at + 1] == 1:
            if link:
                return 0, 0
            link = int.from_bytes(frame[at + 2 : at + 8], "big")
        at += frame[at + 1] * 8
    return target, link


Quoted = tuple[int, int, int, int]
"""Of the packet that an ICMP error quotes: source, destination, protocol, offset of its transport header.

The offset is -1 without at least 8 bytes of that header.
"""
NOT_QUOTED: Quoted = (0, 0, 0, -1)


def quoted4(frame: bytes, at: int, end: int) -> Quoted:
    """Decode the IPv4 header of a quoted packet."""
    if at + 20 > end:
        return NOT_QUOTED
    version, total, fragment, proto, source, target = _IP4.unpack_from(frame, at)
    length = (version & 15) * 4
    if version >> 4 != 4 or not 20 <= length <= total or at + length > end:  # noqa: PLR2004 - IPv4's header
        return NOT_QUOTED
    whole = not fragment & 0x1FFF and length + 8 <= total and at + length + 8 <= end
    return source, target, proto, at + length if whole else -1


def quoted6(frame: bytes, at: int, end: int) -> Quoted:
    """Decode the IPv6 header of a quoted packet."""
    if at + 40 > end or frame[at] >> 4 != 6:  # noqa: PLR2004 - IPv6's header
        return NOT_QUOTED
    source = int.from_bytes(frame[at + 8 : at + 24], "big") | IPV6
    target = int.from_bytes(frame[at + 24 : at + 40], "big") | IPV6
    end = min(end, at + 40 + int.from_bytes(frame[at + 4 : at + 6], "big"))
    after = walk(frame, frame[at + 6], at + 40, end)
    return source, target, after.proto, after.at if after.at + 8 <= end else -1


def quoted_values(quoted: Quoted, frame: bytes) -> Values:
    """Return the values of DATA_SRC to DATA_TP_DST."""
    source, target, proto, at = quoted
    if at < 0:
        return source, target, proto, 0, 0
    if proto in (TCP, UDP, SCTP):
        return source, target, proto, *_PORTS.unpack_from(frame, at)
    family6 = source & IPV6
    if proto == (ICMP6 if family6 else ICMP) and frame[at] in (ECHOES6 if family6 else ECHOES):
        return source, target, proto, int.from_bytes(frame[at + 4 : at + 6], "big"), 0
    return source, target, proto, 0, 0


DECODERS4: Mapping[int, Decoder] = {TCP: _tcp, UDP: _ports(8), SCTP: _ports(12), ICMP: _icmp}
DECODERS6: Mapping[int, Decoder] = {TCP: _tcp, UDP: _ports(8), SCTP: _ports(12), ICMP6: _icmp6}
