"""Compose frames layer by layer, with right checksums and lengths."""

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from midonet.simulation.packet.checksum import PLACES, crc32c, internet_checksum
from midonet.simulation.packet.fields import IPV6, VLAN_PRESENT
from midonet.simulation.packet.numbers import (
    FIRST_FRAGMENT,
    FRAGMENT,
    ICMP,
    IP4,
    IP6,
    LATER_FRAGMENT,
    LENGTH_FRAME,
    NOT_FRAGMENT,
    SCTP,
    TAGS,
    UDP,
)

TTL = 64
NEIGHBOUR_TTL = 255
"""What neighbour discovery is sent with (RFC 4861 §7.1)."""
TCP_HEADER = Struct(">HHIIHHHH")
"""Ports, sequence and acknowledgement number, length and flags, window, checksum, urgent pointer."""
_IP4 = Struct(">BBHHHBBHII")
_ARP = Struct(">HHBBH6sI6sI")
_DONT_FRAGMENT = 0x4000
_FRAGMENT_WORDS = {NOT_FRAGMENT: _DONT_FRAGMENT, FIRST_FRAGMENT: 0x2000, LATER_FRAGMENT: 185}
"""Flags and offset in IPv4: a later fragment is the second one of a path with an MTU of 1500."""


class Link(NamedTuple):
    """Ethernet addresses, and the tags from the outer one on, with or without bit 12."""

    source: int
    target: int
    tags: Sequence[int] = ()


class Ip(NamedTuple):
    """An IP header; the addresses tell the version."""

    source: int
    target: int
    proto: int
    ttl: int = TTL
    tos: int = 0
    fragment: int = NOT_FRAGMENT


def ethernet(link: Link, kind: int, body: bytes) -> bytes:
    """Return a frame; one of IEEE 802.3 if the ethertype stands for a length."""
    tpids = TAGS[:1] if len(link.tags) == 1 else TAGS[::-1]
    tags = b"".join(
        (tpid << 16 | tci & ~VLAN_PRESENT).to_bytes(4, "big") for tpid, tci in zip(tpids, link.tags, strict=False)
    )
    number = len(body) if kind == LENGTH_FRAME else kind
    return link.target.to_bytes(6, "big") + link.source.to_bytes(6, "big") + tags + number.to_bytes(2, "big") + body


def ip_frame(link: Link, header: Ip, body: bytes) -> bytes:
    """Return a frame with an IP packet whose transport checksum is `complete`."""
    return ethernet(link, IP6 if header.source & IPV6 else IP4, ip(header, complete(header, body)))


def ip(header: Ip, body: bytes) -> bytes:
    """Return an IP packet."""
    return _ip6(header, body) if header.source & IPV6 else _ip4(header, body)


def _ip4(header: Ip, body: bytes) -> bytes:
    def packed(checksum: int) -> bytes:
        words = (_FRAGMENT_WORDS[header.fragment], header.ttl, header.proto, checksum)
        return _IP4.pack(0x45, header.tos, 20 + len(body), 0, *words, header.source, header.target)

    return packed(internet_checksum(packed(0))) + body


def _ip6(header: Ip, body: bytes) -> bytes:
    proto = header.proto
    if header.fragment:
        word = 1 if header.fragment == FIRST_FRAGMENT else 185 << 3
        body = bytes((proto, 0)) + word.to_bytes(2, "big") + bytes(4) + body
        proto = FRAGMENT
    top = (6 << 28 | header.tos << 20).to_bytes(4, "big") + len(body).to_bytes(2, "big") + bytes((proto, header.ttl))
    return top + address(header.source) + address(header.target) + body


def address(number: int) -> bytes:
    """Return an address as bytes."""
    return (number ^ IPV6).to_bytes(16, "big") if number & IPV6 else number.to_bytes(4, "big")


def complete(header: Ip, body: bytes) -> bytes:
    """Return a transport header and its payload with the checksum written, if the protocol has one."""
    proto = header.proto
    if header.fragment == LATER_FRAGMENT:
        return body
    if proto == SCTP:
        return body[:8] + crc32c(body).to_bytes(4, "little") + body[12:]
    if proto not in PLACES or len(body) < PLACES[proto] + 2:
        return body
    at = PLACES[proto]
    pseudo = 0 if proto == ICMP else (header.source & ~IPV6) + (header.target & ~IPV6) + proto + len(body)
    checksum = internet_checksum(body, pseudo) or (0xFFFF if proto == UDP else 0)
    return body[:at] + checksum.to_bytes(2, "big") + body[at + 2 :]


def arp(operation: int, sender: tuple[int, int], target: tuple[int, int]) -> bytes:
    """Return the body of ARP; sender and target are MAC and IPv4 address."""
    sha, tha = sender[0].to_bytes(6, "big"), target[0].to_bytes(6, "big")
    return _ARP.pack(1, IP4, 6, 4, operation, sha, sender[1], tha, target[1])


def tcp(source: int, target: int, flags: int, sequence: int = 0, acknowledgement: int = 0) -> bytes:
    """Return a TCP header without checksum."""
    return TCP_HEADER.pack(source, target, sequence, acknowledgement, 5 << 12 | flags, 0xFFFF, 0, 0)


def udp(source: int, target: int, payload: bytes = b"") -> bytes:
    """Return UDP without checksum."""
    return b"".join(number.to_bytes(2, "big") for number in (source, target, 8 + len(payload), 0)) + payload


def sctp(source: int, target: int) -> bytes:
    """Return SCTP without checksum, with the smallest of its chunks (COOKIE ACK)."""
    return source.to_bytes(2, "big") + target.to_bytes(2, "big") + bytes(8) + b"\x0b\0\0\x04"


def icmp(kind: int, code: int, word: int, payload: bytes = b"") -> bytes:
    """Return ICMP or ICMPv6 without checksum; `word` is what follows it: an identifier, an MTU, flags."""
    return bytes((kind, code, 0, 0)) + word.to_bytes(4, "big") + payload


def link_option(kind: int, mac: int) -> bytes:
    """Return an option of neighbour discovery with a link-layer address."""
    return bytes((kind, 1)) + mac.to_bytes(6, "big")
