"""Numbers cut into intervals: one look-up for any count of ranges."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from midonet.simulation.packet.fields import IPV6

Range = tuple[int, int]
"""First and last number of a range."""

_IP4_END = 1 << 32
_IP6_END = IPV6 << 1


def complement(ranges: Sequence[Range], top: int) -> list[Range]:
    """Return the numbers from -1 (absent) up to `top` that are in none of the ranges."""
    left, at = [], -1
    for first, last in sorted(ranges):
        if first > at:
            left.append((at, first - 1))
        at = max(at, last + 1)
    if at <= top:
        left.append((at, top))
    return left


class BitIntervals:
    """For each number the set of owners, as bits, whose ranges contain it."""

    __slots__ = ("bits", "cuts")

    def __init__(self, owned: Iterable[tuple[int, Sequence[Range]]], all_owners: int) -> None:
        """Take (bit of an owner, its ranges); `all_owners` are the bits of owners that accept all numbers."""
        delta: dict[int, int] = {}
        for bit, ranges in owned:
            for first, last in ranges:
                delta[first] = delta.get(first, 0) ^ bit
                delta[last + 1] = delta.get(last + 1, 0) ^ bit
        self.cuts = sorted(delta)
        self.bits = [all_owners]
        for cut in self.cuts:
            self.bits.append(self.bits[-1] ^ delta[cut])

    def at(self, number: int) -> int:
        """Return the owners of a number."""
        return self.bits[bisect_right(self.cuts, number)]

    def mask(self, number: int, full: int) -> int:
        """Return bits of `number` (a prefix) such that all numbers with them are in the same interval."""
        index = bisect_right(self.cuts, number)
        low = self.cuts[index - 1] if index else -1
        high = self.cuts[index] if index < len(self.cuts) else _IP6_END
        return prefix_mask(number, low, high, full)


def prefix_mask(number: int, low: int, end: int, full: int) -> int:
    """Return the shortest prefix mask of `number` whose block lies in `low` … `end - 1`, of `full` bits at most."""
    base, top = (IPV6, _IP6_END) if number >= IPV6 else (0, min(full + 1, _IP4_END) if full < IPV6 else _IP4_END)
    free = (top - base).bit_length() - 1
    if low > base:
        free = min(free, (number ^ (low - 1)).bit_length() - 1)
    if end < top:
        free = min(free, (number ^ end).bit_length() - 1)
    return (top - base - 1) >> free << free
