"""The header of a packet on its way through the virtual devices, and what the way depended on.

Values start as the packet's and change as devices rewrite them. Each read of a bit that is still the packet's own is
recorded: the recorded bits, as masks per field, are what a flow entry has to match. A bit that a device has set is a
constant, and reading it records nothing.
"""

from collections.abc import Sequence

from midonet.simulation.packet.fields import (
    COUNT,
    DATA_DST,
    DATA_PROTO,
    DATA_SRC,
    DATA_TP_DST,
    DATA_TP_SRC,
    DL_TYPE,
    FIELDS,
    ICMP_ID,
    INNER_VLAN,
    IPV6,
    NW_DST,
    NW_FRAG,
    NW_PROTO,
    NW_SRC,
    NW_TOS,
    NW_TTL,
    TCP_FLAGS,
    TP_DST,
    TP_SRC,
    VLAN,
    VLAN_PRESENT,
)
from midonet.simulation.packet.packet import Packet

ABSENT = -1
"""Value of a field that a packet of its type does not have."""
IP4, ARP, IP6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132
LATER_FRAGMENT = 3
FULL = tuple((1 << field.bits) - 1 for field in FIELDS)
_FULL4 = (1 << 32) - 1
_NETWORK = (NW_PROTO, NW_TOS, NW_TTL, NW_FRAG, NW_SRC, NW_DST)
_TRANSPORT = (TP_SRC, TP_DST, TCP_FLAGS, ICMP_ID, DATA_SRC, DATA_DST, DATA_PROTO, DATA_TP_SRC, DATA_TP_DST)
_WITH_PORTS = frozenset((ICMP, TCP, UDP, ICMP6, SCTP))

_NEEDS: dict[int, tuple[int, ...]] = dict.fromkeys(_NETWORK, (DL_TYPE,))
_NEEDS |= dict.fromkeys(_TRANSPORT, (DL_TYPE, NW_PROTO, NW_FRAG))
NEEDS: tuple[tuple[int, ...], ...] = tuple(_NEEDS.get(field, ()) for field in range(COUNT))
"""What must be known of a packet before it can be said to have a field (ovs-fields(7), prerequisites)."""


def present(values: Sequence[int]) -> list[int]:
    """Return the values of a packet's fields, with `ABSENT` for those that its type does not have."""
    found = list(values)
    kind = found[DL_TYPE]
    if kind not in (IP4, IP6):
        for field in _NETWORK:
            found[field] = ABSENT
        if kind == ARP:
            found[NW_PROTO], found[NW_SRC], found[NW_DST] = values[NW_PROTO], values[NW_SRC], values[NW_DST]
    if kind == ARP or found[NW_PROTO] not in _WITH_PORTS or found[NW_FRAG] == LATER_FRAGMENT:
        found[TP_SRC] = found[TP_DST] = ABSENT
    if not found[DATA_PROTO]:
        found[DATA_SRC] = found[DATA_DST] = ABSENT
    return found


class Header:
    """The current header of one copy of a packet."""

    __slots__ = ("_constant", "_source", "reads", "tags", "ttl_steps", "values")

    def __init__(self, packet: Packet) -> None:
        self.values = present(packet.values)
        self.reads: list[int] = [0] * COUNT
        """Bits of the packet that were read, by field; shared by all copies."""
        self.tags: tuple[int | None, ...] = ()
        """Changes of VLAN tags in order: a tag that is pushed, None for one that is removed."""
        self.ttl_steps = 0
        """By how much the time to live was decremented."""
        self._source = list(range(COUNT))
        self._constant = [0] * COUNT

    masks = True
    """Whether what is read is recorded."""
    minimal = False
    """Whether conditions record the fewest bits possible."""

    def copy(self) -> "Header":
        """Return a copy that is rewritten apart; what is read of either is recorded in one place."""
        new = object.__new__(type(self))
        new.values, new.reads = self.values[:], self.reads
        new.tags, new.ttl_steps = self.tags, self.ttl_steps
        new._source, new._constant = self._source[:], self._constant[:]
        return new

    def read(self, field: int) -> int:
        """Return a value, recording that all its bits were read."""
        self.record(field, FULL[field])
        return self.values[field]

    def record(self, field: int, mask: int) -> None:
        """Record that bits of a field were read, and what makes a packet have that field."""
        reads, constant = self.reads, self._constant
        for needed in NEEDS[field]:
            if not constant[needed]:
                reads[self._source[needed]] |= FULL[needed]
        if field >= ICMP_ID and self.values[NW_PROTO] in (ICMP, ICMP6):
            reads[TP_SRC] |= FULL[TP_SRC]  # the type tells whether a packet is quoted
        left = mask & ~constant[field]
        if left and self.values[field] >= 0:
            reads[self._source[field]] |= left

    def known(self, field: int) -> int:
        """Return the bits of a field that were read or set."""
        return self._constant[field] | self.reads[self._source[field]]

    def has_needed(self, field: int) -> bool:
        """Return whether it was read that the packet has a field, or that it has not."""
        return all(self.known(needed) == FULL[needed] for needed in NEEDS[field])

    def read_tag(self) -> int:
        """Return the outer VLAN tag; that there is none takes one bit to see."""
        tag = self.values[VLAN]
        self.record(VLAN, FULL[VLAN] if tag else VLAN_PRESENT)
        return tag

    def read_connection(self) -> tuple[int, int, int, int, int]:
        """Return protocol, source, source port, destination and destination port; echo messages have an identifier."""
        values = self.values
        proto = self.read(NW_PROTO)
        if proto in (ICMP, ICMP6):
            self.read(TP_SRC)
            number = self.read(ICMP_ID)
            return proto, self.read(NW_SRC), number, self.read(NW_DST), number
        self.record(TP_SRC, FULL[TP_SRC])
        self.record(TP_DST, FULL[TP_DST])
        return proto, self.read(NW_SRC), values[TP_SRC], self.read(NW_DST), values[TP_DST]

    def set(self, field: int, value: int, mask: int | None = None) -> None:
        """Set a field, or those bits of it."""
        mask = FULL[field] if mask is None else mask
        self.values[field] = self.values[field] & ~mask | value & mask
        self._constant[field] |= mask

    def changed(self, field: int) -> int:
        """Return which bits of a field were set."""
        return self._constant[field]

    def changes(self) -> tuple[tuple[int, int, int], ...]:
        """Return the fields that were set, each with value and mask, but for VLAN tags and time to live."""
        constant, values = self._constant, self.values
        return tuple(
            (field, values[field] & mask, mask)
            for field, mask in enumerate(constant)
            if mask and field not in (VLAN, INNER_VLAN)
        )

    def push_vlan(self, tag: int) -> None:
        """Add an outer VLAN tag."""
        for slots in (self.values, self._source, self._constant):
            slots[INNER_VLAN] = slots[VLAN]
        self.values[VLAN], self._constant[VLAN] = tag, FULL[VLAN]
        self.tags = (*self.tags, tag)

    def pop_vlan(self) -> None:
        """Remove the outer VLAN tag."""
        for slots in (self.values, self._source, self._constant):
            slots[VLAN] = slots[INNER_VLAN]
        self.values[INNER_VLAN], self._constant[INNER_VLAN] = 0, FULL[INNER_VLAN]
        last = len(self.tags) - 1
        self.tags = self.tags[:last] if self.tags and self.tags[last] is not None else (*self.tags, None)

    def expires(self) -> bool:
        """Return whether a router may not forward the packet any more: its time to live is at most 1."""
        left = self.values[NW_TTL]
        self.record(NW_TTL, above(left + self.ttl_steps, 1 + self.ttl_steps) if left > 1 else FULL[NW_TTL])
        return left <= 1

    def decrement_ttl(self) -> None:
        """Decrement the time to live."""
        self.values[NW_TTL] -= 1
        self.ttl_steps += 1


class MinimalHeader(Header):
    """A header whose conditions record the fewest bits possible, which takes longer."""

    __slots__ = ()
    minimal = True


class UnrecordedHeader(Header):
    """A header whose reads are not recorded, for simulations whose outcome covers one packet only."""

    __slots__ = ()
    masks = False

    def read(self, field: int) -> int:
        """Return a value."""
        return self.values[field]

    def record(self, field: int, mask: int) -> None:
        """Record nothing."""


def above(value: int, bound: int) -> int:
    """Return bits of `value` such that any number with the same bits is above `bound`.

    They are the highest bit in which the two differ, and the ones of `bound` above it.
    """
    bit = (value ^ bound).bit_length() - 1
    return 1 << bit | (bound >> bit << bit)


def below(value: int, bound: int, full: int) -> int:
    """Return bits of `value` such that any number with the same bits is below `bound`."""
    return above(full - value, full - bound)


def full_mask(field: int, value: int) -> int:
    """Return all bits that tell values of a field apart, given its IP version."""
    return _FULL4 if field in (NW_SRC, NW_DST, DATA_SRC, DATA_DST) and value < IPV6 else FULL[field]
