"""Decode Ethernet frames. Fields of whole packets have the values that Open vSwitch matches."""

from struct import Struct

from midonet.events.errors import InvalidValue
from midonet.simulation.packet import transport
from midonet.simulation.packet.extensions import walk
from midonet.simulation.packet.fields import IPV6, VLAN_PRESENT
from midonet.simulation.packet.numbers import (
    ARP,
    ETHERTYPES,
    FIRST_FRAGMENT,
    IP4,
    IP6,
    LATER_FRAGMENT,
    LENGTH_FRAME,
    TAGS,
)
from midonet.simulation.packet.packet import Packet

_ETHERNET = Struct(">HIHIH")
_ARP = Struct(">HHHHHIIHII")
_IP4 = Struct(">BBHxxHBBxxII")
_IP6 = Struct(">IHBB")
_SNAP = bytes.fromhex("aaaa03000000")
_NO_NETWORK = (0,) * 19

_Link = tuple[int, int, int, int, int]
"""Values of DL_SRC to INNER_VLAN."""


class BadPacket(InvalidValue):
    """Bytes that are no Ethernet frame."""


def decode(frame: bytes) -> Packet:
    """Decode a frame as far as it is sound; `BadPacket` if it is shorter than an Ethernet header."""
    if len(frame) < 14:  # noqa: PLR2004 - the length of the header
        raise BadPacket(
            f"a frame of {len(frame)} bytes has no Ethernet header: it needs 14 bytes",
            reason="bad-value",
            field="frame",
        )
    target, target_low, source, source_low, kind = _ETHERNET.unpack_from(frame)
    vlan = inner = 0
    l3 = 14
    if kind in TAGS or kind < ETHERTYPES:
        kind, vlan, inner, l3 = _tags(frame, kind)
    link = (source << 32 | source_low, target << 32 | target_low, kind, vlan, inner)
    if kind == IP4:
        return _ip4(frame, link, l3)
    if kind == IP6:
        return _ip6(frame, link, l3)
    if kind == ARP:
        return _arp(frame, link, l3)
    return Packet(frame, link + _NO_NETWORK, l3, -1, l3)


def _tags(frame: bytes, kind: int) -> tuple[int, int, int, int]:
    """Return the ethertype after the tags, the two outer tags, and the offset of what follows."""
    at, tags = 14, [0, 0]
    while kind in TAGS and at < 22 and at + 4 <= len(frame):  # noqa: PLR2004 - after two tags
        tags[at // 4 - 3] = int.from_bytes(frame[at : at + 2], "big") | VLAN_PRESENT
        kind = int.from_bytes(frame[at + 2 : at + 4], "big")
        at += 4
    outer, inner = tags
    if kind < ETHERTYPES:
        inside = int.from_bytes(frame[at + 6 : at + 8], "big")
        if frame[at : at + 6] == _SNAP and inside >= ETHERTYPES:
            return inside, outer, inner, at + 8
        kind = LENGTH_FRAME
    return kind, outer, inner, at


def _arp(frame: bytes, link: _Link, l3: int) -> Packet:
    """Decode ARP for IPv4 on Ethernet (RFC 826)."""
    if l3 + 28 > len(frame):
        return Packet(frame, link + _NO_NETWORK, l3, -1, l3)
    hardware, protocol, lengths, operation, sha, sha_low, spa, tha, tha_low, tpa = _ARP.unpack_from(frame, l3)
    if (hardware, protocol, lengths) != (1, IP4, 0x0604):
        return Packet(frame, link + _NO_NETWORK, l3, -1, l3)
    proto = operation if operation <= 0xFF else 0  # noqa: PLR2004 - Open vSwitch has 8 bits for it
    stations = (sha << 32 | sha_low, tha << 32 | tha_low)
    return Packet(frame, (*link, proto, 0, 0, 0, spa, tpa, 0, 0, 0, *stations, *(0,) * 8), l3, -1, l3 + 28)


def _ip4(frame: bytes, link: _Link, l3: int) -> Packet:
    """Decode IPv4 (RFC 791)."""
    size = len(frame)
    if l3 + 20 > size:
        return Packet(frame, link + _NO_NETWORK, -1, -1, l3)
    version, tos, total, flags, ttl, proto, source, target = _IP4.unpack_from(frame, l3)
    at = l3 + (version & 15) * 4
    end = l3 + total
    if version >> 4 != 4 or at < l3 + 20 or at > end or at > size:  # noqa: PLR2004 - the version of IP
        return Packet(frame, link + _NO_NETWORK, -1, -1, l3)
    fragment = 0
    if flags & 0x3FFF:
        fragment = LATER_FRAGMENT if flags & 0x1FFF else FIRST_FRAGMENT
    decoder = transport.DECODERS4.get(proto) if fragment != LATER_FRAGMENT else None
    ports, length = decoder(frame, at, min(end, size)) if decoder else (transport.ABSENT, 0)
    return Packet(
        frame,
        (*link, proto, tos, ttl, fragment, source, target, *ports),
        l3,
        at if length else -1,
        at + length,
    )


def _ip6(frame: bytes, link: _Link, l3: int) -> Packet:
    """Decode IPv6 (RFC 8200)."""
    at, size = l3 + 40, len(frame)
    if at > size or frame[l3] >> 4 != 6:  # noqa: PLR2004 - the version of IP
        return Packet(frame, link + _NO_NETWORK, -1, -1, l3)
    first, total, proto, ttl = _IP6.unpack_from(frame, l3)
    source = int.from_bytes(frame[l3 + 8 : l3 + 24], "big") | IPV6
    target = int.from_bytes(frame[l3 + 24 : at], "big") | IPV6
    end = min(at + total, size)
    proto, at, fragment, payload, _ = walk(frame, proto, at, end)
    decoder = transport.DECODERS6.get(proto) if at >= 0 else None
    ports, length = decoder(frame, at, end) if decoder else (transport.ABSENT, 0)
    return Packet(
        frame,
        (*link, proto, first >> 20 & 255, ttl, fragment, source, target, *ports),
        l3,
        at if length else -1,
        payload + length,
    )
