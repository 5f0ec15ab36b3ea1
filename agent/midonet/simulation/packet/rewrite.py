"""Rewrite fields of a packet, and its VLAN tags.

Checksums are updated for the differences alone (RFC 1624), so that packets that are truncated, fragmented or already
wrong stay what they are.
"""

from collections.abc import Mapping, Sequence
from struct import error as struct_error

from midonet.events.errors import InvalidValue
from midonet.simulation.packet.checksum import update_checksums
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.fields import (
    ARP_SHA,
    ARP_THA,
    DATA_DST,
    DATA_PROTO,
    DATA_SRC,
    DATA_TP_DST,
    DATA_TP_SRC,
    DL_DST,
    DL_SRC,
    DL_TYPE,
    FIELDS,
    ICMP_ID,
    NW_DST,
    NW_PROTO,
    NW_SRC,
    NW_TOS,
    NW_TTL,
    TP_DST,
    TP_SRC,
    VLAN,
    VLAN_PRESENT,
)
from midonet.simulation.packet.layout import PORTS, UNSUMMED, Layout, ip_layout, layout
from midonet.simulation.packet.numbers import IP4, TAGS
from midonet.simulation.packet.packet import Packet
from midonet.simulation.packet.transport import quoted4, quoted6

_DATA = frozenset((DATA_SRC, DATA_DST, DATA_TP_SRC, DATA_TP_DST))
_KNOWN = _DATA | {
    DL_SRC,
    DL_DST,
    VLAN,
    NW_PROTO,
    NW_TOS,
    NW_TTL,
    NW_SRC,
    NW_DST,
    TP_SRC,
    TP_DST,
    ARP_SHA,
    ARP_THA,
    ICMP_ID,
}


def rewrite(packet: Packet, changes: Mapping[int, int]) -> Packet:
    """Return the packet with other values of some fields; a field that it does not have is left out.

    NW_PROTO is set in ARP only. VLAN 0 removes the outer tag; another value sets or adds it.
    """
    frame, values, l3, l4, payload = packet
    buffer = bytearray(frame)
    new = list(values)
    try:
        sums = _write(buffer, layout(packet), (0, l3, l4), changes, new)
        if values[DATA_PROTO] and not _DATA.isdisjoint(changes):
            sums[PORTS] += _rewrite_quoted(packet, buffer, changes, new)
    except (struct_error, OverflowError) as error:
        raise InvalidValue(
            f"a value is too large, or an address of another IP version: {error}", reason="bad-value"
        ) from None
    sums[UNSUMMED] = 0
    if any(sums):
        update_checksums(frame, buffer, (l3, l4, values[NW_PROTO], len(frame)), sums)
    if VLAN in changes:
        return decode(_tagged(bytes(buffer), values[VLAN], changes[VLAN]))
    return Packet(bytes(buffer), tuple(new), l3, l4, payload)


def push_vlan(packet: Packet, tci: int, tpid: int = TAGS[0]) -> Packet:
    """Add an outer tag: VLAN id and priority; bit 12 does not matter."""
    return decode(_pushed(packet.frame, tci, tpid))


def pop_vlan(packet: Packet) -> Packet:
    """Remove the outer tag, if there is one."""
    return decode(_tagged(packet.frame, packet.values[VLAN], 0))


def _not_settable(field: int) -> InvalidValue:
    name = FIELDS[field].name
    return InvalidValue(f"{name}: the field cannot be rewritten", field=name, reason="read-only")


def _pushed(frame: bytes, tci: int, tpid: int) -> bytes:
    return frame[:12] + tpid.to_bytes(2, "big") + (tci & ~VLAN_PRESENT).to_bytes(2, "big") + frame[12:]


def _tagged(frame: bytes, present: int, tci: int) -> bytes:
    """Return a frame with that outer tag, or without it if it is 0."""
    if not tci:
        return frame[:12] + frame[16:] if present else frame
    if present:
        return frame[:14] + (tci & ~VLAN_PRESENT).to_bytes(2, "big") + frame[16:]
    return _pushed(frame, tci, TAGS[0])


def _write(
    buffer: bytearray, places: Layout, bases: Sequence[int], changes: Mapping[int, int], values: list[int]
) -> list[int]:
    """Write fields and their values; return by how much the words of each group grow."""
    sums = [0, 0, 0, 0, 0]
    for field, value in changes.items():
        place = places.get(field)
        if place:
            base, offset, write, group, weight = place
            write(buffer, bases[base] + offset, value)
            sums[group] += (value - values[field]) * weight
            values[field] = value
        elif field not in _KNOWN:
            raise _not_settable(field)
    return sums


def _rewrite_quoted(packet: Packet, buffer: bytearray, changes: Mapping[int, int], new: list[int]) -> int:
    """Rewrite the packet that an ICMP error quotes; return by how much the sum of its words grows."""
    kind, at = packet.values[DL_TYPE], packet.payload
    _, _, proto, l4 = (quoted4 if kind == IP4 else quoted6)(packet.frame, at, packet.end)
    message = packet.frame[l4] if l4 >= 0 else 0
    places = ip_layout(kind, proto, message, l4)
    number = ICMP_ID if ICMP_ID in places else TP_SRC
    inside = {NW_SRC: DATA_SRC, NW_DST: DATA_DST, number: DATA_TP_SRC, TP_DST: DATA_TP_DST}
    values = [0] * len(new)
    for field, data in inside.items():
        values[field] = new[data]
    wanted = {field: changes[data] for field, data in inside.items() if data in changes}
    sums = _write(buffer, places, (0, at, l4), wanted, values)
    for field, data in inside.items():
        new[data] = values[field]
    return update_checksums(packet.frame, buffer, (at, l4, proto, packet.end), sums)
