"""Checksums: of the Internet (RFC 1071, RFC 1624) and of SCTP (CRC32c, RFC 9260)."""

from collections.abc import Sequence
from functools import cache

from midonet.simulation.packet.extensions import walk
from midonet.simulation.packet.numbers import FIRST_FRAGMENT, ICMP, ICMP6, SCTP, TCP, UDP

PLACES = {TCP: 16, UDP: 6, ICMP: 2, ICMP6: 2}
"""Where the checksum is in the transport header."""


def internet_checksum(data: bytes, start: int = 0) -> int:
    """Return the checksum of some bytes; `start` is a sum of what else it covers."""
    total = int.from_bytes(data + b"\0" if len(data) & 1 else data, "big") + start
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))


def crc32c(data: bytes) -> int:
    """Return the checksum of SCTP."""
    return _step(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def _step(data: bytes, crc: int) -> int:
    table = _table()
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc


@cache
def _table() -> tuple[int, ...]:
    return tuple(_bits(byte) for byte in range(256))


def _bits(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


Span = tuple[int, int, int, int]
"""Where an IP packet is in a frame: network header, transport header, protocol, end."""


def update_checksums(frame: bytes, buffer: bytearray, span: Span, sums: Sequence[int]) -> int:
    """Update the checksums of an IP packet in `buffer`, which is `frame` with some fields written.

    `sums` tells by how much the words of each group grow (`midonet.simulation.packet.layout`); the result, by how much
    all words do.
    """
    _, header, source, target, ports = sums
    l3, l4, proto, end = span
    six = frame[l3] >> 4 == 6  # noqa: PLR2004 - the version of IP
    total = header + source + target + ports
    if not six and header + source + target:
        total += _update(frame, buffer, l3 + 10, header + source + target)
    if l4 < 0:
        return total
    if proto == SCTP:
        return total + (_update_sctp(frame, buffer, span) if ports else 0)
    place = l4 + PLACES.get(proto, end)
    if proto != ICMP:
        ports += source if six and target and _is_routed(frame, span) else source + target
    if not ports or place + 2 > end or (proto == UDP and not any(frame[place : place + 2])):
        return total
    return total + _update(frame, buffer, place, ports, never=0 if proto == UDP else -1)


def _update(frame: bytes, buffer: bytearray, at: int, difference: int, never: int = -1) -> int:
    """Update a checksum for a difference of words, which may be a number of any size; return the checksum's own."""
    old = frame[at] << 8 | frame[at + 1]
    new = 0xFFFF - ((0xFFFF - old + difference) % 0xFFFF or 0xFFFF)
    if new == never:
        new = 0xFFFF
    buffer[at], buffer[at + 1] = new >> 8, new & 255
    return new - old


def _is_routed(frame: bytes, span: Span) -> bool:
    """Return whether the transport checksum covers the last address of a routing header instead of the destination."""
    l3, l4, _, end = span
    return l4 > l3 + 40 and walk(frame, frame[l3 + 6], l3 + 40, end).routed


def _update_sctp(frame: bytes, buffer: bytearray, span: Span) -> int:
    """Update the CRC for other ports, unless more fragments follow: it depends on the length of what comes after."""
    l3, l4, _, end = span
    if frame[l3] >> 4 == 6:  # noqa: PLR2004 - the version of IP
        first = walk(frame, frame[l3 + 6], l3 + 40, end).fragment == FIRST_FRAGMENT
        after = l3 + 40 + int.from_bytes(frame[l3 + 4 : l3 + 6], "big")
    else:
        first = bool(frame[l3 + 6] & 0x20)
        after = l3 + int.from_bytes(frame[l3 + 2 : l3 + 4], "big")
    if first or l4 + 12 > end:
        return 0
    changed = bytes(old ^ new for old, new in zip(frame[l4 : l4 + 4], buffer[l4 : l4 + 4], strict=True))
    crc = _step(bytes(after - l4 - 4), _step(changed, 0)) ^ int.from_bytes(frame[l4 + 8 : l4 + 12], "little")
    old = int.from_bytes(frame[l4 + 8 : l4 + 12], "big")
    buffer[l4 + 8 : l4 + 12] = crc.to_bytes(4, "little")
    return int.from_bytes(buffer[l4 + 8 : l4 + 12], "big") - old
