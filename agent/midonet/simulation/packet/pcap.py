"""Frames of a capture file (libpcap's classic format, draft-ietf-opsawg-pcap)."""

import struct
from collections.abc import Iterator

from midonet.events.errors import InvalidValue

_ORDERS = {0xA1B2C3D4: ">", 0xA1B23C4D: ">", 0xD4C3B2A1: "<", 0x4D3CB2A1: "<"}
"""Magic number, read as big-endian → byte order of the file."""
_FILE_HEADER, _RECORD_HEADER = 24, 16
_ETHERNET = 1


def frames(data: bytes, name: str) -> Iterator[bytes]:
    """Yield the Ethernet frames of a capture; `InvalidValue` names the file if it is none, or ends in a record."""
    order = _ORDERS.get(int.from_bytes(data[:4], "big"))
    if order is None or len(data) < _FILE_HEADER:
        raise InvalidValue(
            f"{name} is no capture file of libpcap's format; convert a pcapng file with `editcap -F pcap`",
            file=name,
            reason="not-a-capture",
        )
    (link,) = struct.unpack_from(f"{order}I", data, 20)
    if link & 0xFFFF != _ETHERNET:
        raise InvalidValue(f"{name} holds frames of link type {link}, not of Ethernet", file=name, reason="link-type")
    at = _FILE_HEADER
    while at < len(data):
        end = at + _RECORD_HEADER
        length = struct.unpack_from(f"{order}I", data, at + 8)[0] if end <= len(data) else len(data)
        if end + length > len(data):
            raise InvalidValue(f"{name} ends in the middle of a record, at byte {at}", file=name, reason="truncated")
        yield data[end : end + length]
        at = end + length
