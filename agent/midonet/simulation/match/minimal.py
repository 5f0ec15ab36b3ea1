"""The fewest bits that show that a condition is the first which a packet meets, by greedy choice.

The sets of `classifier` are quick, but the intervals that they prove a value to be in are those of all conditions
together. Here each earlier condition is excluded by itself: one bit in which a value differs from a prefix is enough,
and a bit that excludes many conditions, or that is known anyway, comes first. Slower by far: for flows whose class
multiplies.
"""

from collections.abc import Iterable, Iterator, Sequence

from midonet.simulation.header import Header, above, below, full_mask
from midonet.simulation.match.intervals import Range
from midonet.simulation.match.terms import Terms
from midonet.simulation.packet.fields import IPV6, NW_FRAG

Proof = tuple[int, int]
"""(field, mask): these bits of the field."""


def record(header: Header, winner: Terms | None, earlier: Iterable[Terms]) -> None:
    """Record what shows that the earlier conditions fail and the winner, if there is one, holds."""
    if winner is not None:
        for proof in _holds(header, _plain(winner)):
            header.record(*proof)
    pending = [list(_fails(header, _plain(terms))) for terms in earlier]
    while pending := [proofs for proofs in pending if not any(_known(header, proof) for proof in proofs)]:
        header.record(*_best(header, pending))


def _plain(terms: Terms) -> Terms:
    """Return of an inverted condition what is outside of the inversion: the rest is checked by itself."""
    return terms._replace(ranges={}, macs=[]) if terms.inverted else terms


def _best(header: Header, pending: Sequence[Sequence[Proof]]) -> Proof:
    """Return the proof that excludes most conditions for each bit that is not known yet."""
    count: dict[Proof, int] = {}
    for proofs in pending:
        for proof in set(proofs):
            count[proof] = count.get(proof, 0) + 1
    return max(count, key=lambda proof: (count[proof] / max(1, _cost(header, proof)), -proof[0], proof[1]))


def _cost(header: Header, proof: Proof) -> int:
    field, mask = proof
    return (mask & ~header.known(field)).bit_count()


def _known(header: Header, proof: Proof) -> bool:
    field, mask = proof
    return not mask & ~header.known(field) and header.has_needed(field)


def _holds(header: Header, terms: Terms) -> Iterator[Proof]:
    """Yield what shows that a condition holds."""
    for field, ranges in _fields(terms):
        value = header.values[field]
        yield field, 0 if value < 0 else _inside(field, value, _around(value, ranges))
    for term in terms.macs:
        differing = (header.values[term.field] ^ term.value) & term.mask
        yield term.field, _lowest(differing & header.known(term.field) or differing) if term.inverted else term.mask


def _fails(header: Header, terms: Terms) -> Iterator[Proof]:
    """Yield what shows, each by itself, that a condition fails."""
    for field, ranges in _fields(terms):
        value = header.values[field]
        if any(first <= value <= last for first, last in ranges):
            continue
        if value < 0:
            yield field, 0
        else:
            yield from ((field, mask) for mask in _outside(field, value, ranges))
    for term in terms.macs:
        differing = (header.values[term.field] ^ term.value) & term.mask
        if term.inverted and not differing:
            yield term.field, term.mask
        elif not term.inverted:
            yield from ((term.field, bit) for bit in bits(differing))


def _fields(terms: Terms) -> Iterator[tuple[int, Sequence[Range]]]:
    for field, parts in terms.ranges.items():
        for ranges in parts:
            yield field, ranges
    if terms.fragments:
        yield NW_FRAG, [(-1, -1), *terms.fragments]


def _outside(field: int, value: int, ranges: Sequence[Range]) -> Iterator[int]:
    """Yield masks that each show that a value is in none of the ranges."""
    low, high = -1, IPV6 << 1
    for first, last in ranges:
        if last < value:
            low = max(low, last + 1)
        else:
            high = min(high, first - 1)
    if len(ranges) == 1 and (size := _block(*ranges[0])):
        yield from bits((value ^ ranges[0][0]) & -size & full_mask(field, value))
    else:
        yield _inside(field, value, (low, high))


def _inside(field: int, value: int, within: Range) -> int:
    """Return bits that show that a value is within a range."""
    first, last = within
    full = full_mask(field, value)
    base = IPV6 if value >= IPV6 else 0
    number, top = value - base, full if value < IPV6 else IPV6 - 1
    low, high = max(first - base, 0), min(last - base, top)
    if size := _block(low, high):
        return top & -size
    return (above(number, low - 1) if low else 0) | (below(number, high + 1, top) if high < top else 0)


def _around(value: int, ranges: Sequence[Range]) -> Range:
    return next((first, last) for first, last in ranges if first <= value <= last)


def _block(first: int, last: int) -> int:
    """Return the size of a range that is an aligned block, as prefixes are; else 0."""
    size = last - first + 1
    return size if first >= 0 and size & (size - 1) == 0 and first % size == 0 else 0


def bits(mask: int) -> Iterator[int]:
    """Yield the bits of a mask, from the lowest on."""
    while mask:
        yield mask & -mask
        mask &= mask - 1


def _lowest(mask: int) -> int:
    return mask & -mask
