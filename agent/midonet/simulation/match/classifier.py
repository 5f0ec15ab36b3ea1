"""Which of many conditions a packet meets, in order: rules of a chain, conditions of a mirror.

Each field has, for every interval of its values, the set of conditions that accept it, as bits of a number (Lucent's
bit vectors). The sets of a packet's values, combined, leave the conditions that it meets; the lowest bit is the first.
So 1,000 rules take little more time than 10.

What shows that a condition is the first: its own terms hold, and each earlier one fails by one field at least.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from midonet.simulation.header import FULL, Header
from midonet.simulation.match.intervals import BitIntervals, Range
from midonet.simulation.match.minimal import bits, record
from midonet.simulation.match.terms import MacTerm, Terms
from midonet.simulation.packet.fields import DL_TYPE, NW_DST, NW_FRAG, NW_PROTO, NW_SRC, NW_TOS, TP_DST, TP_SRC, VLAN

_ORDER = {f: rank for rank, f in enumerate((DL_TYPE, NW_PROTO, NW_FRAG, VLAN, NW_DST, NW_SRC, TP_DST, TP_SRC, NW_TOS))}
"""Fields that exclude much with few bits come first."""


class Context(Protocol):
    """What a condition can ask besides the header."""

    def ids(self, term: str) -> Sequence[str]:
        """Return the ids that a term (`in_ports`, `port_group`, `traversed_device` …) is compared with."""

    def is_return_flow(self) -> bool:
        """Return whether the packet belongs to the return direction of a known connection."""

    @property
    def rewritten(self) -> bool:
        """Whether the current device has translated the destination."""


class _MacDimension(NamedTuple):
    field: int
    mask: int
    by_value: dict[int, int]
    others: int


class _ContextDimension(NamedTuple):
    name: str
    by_id: dict[str, int]
    negative: dict[str, int]
    others: int


class Classifier:
    """Conditions in order, prepared for look-ups."""

    def __init__(self, conditions: Sequence[Terms]) -> None:
        self.terms = conditions
        self._all = (1 << len(conditions)) - 1
        self._checked = 0
        """Conditions with a part that is checked when all others hold."""
        plain: list[tuple[int, Terms]] = []
        for index, terms in enumerate(conditions):
            if terms.inverted or any(terms.flow) or terms.rewritten:
                self._checked |= 1 << index
            if not terms.inverted:
                plain.append((1 << index, terms))
        self._fields = list(self._value_dimensions(plain))
        self._macs = list(_mac_dimensions(plain, self._all))
        self._context = list(_context_dimensions(plain, self._all))

    def _value_dimensions(self, plain: Sequence[tuple[int, Terms]]) -> Iterator[tuple[int, BitIntervals]]:
        owned: dict[int, list[tuple[int, Sequence[Range]]]] = {}
        for bit, terms in plain:
            for field, parts in terms.ranges.items():
                owned.setdefault(field, []).append((bit, _intersection(parts)))
        fragments = [(1 << i, terms.fragments) for i, terms in enumerate(self.terms) if terms.fragments]
        if fragments:
            owned[NW_FRAG] = [(bit, [(-1, -1), *ranges]) for bit, ranges in fragments]
        for field in sorted(owned, key=lambda one: _ORDER.get(one, COUNT_LAST)):
            others = self._all
            for bit, _ in owned[field]:
                others &= ~bit
            yield field, BitIntervals(owned[field], others)

    def first(self, header: Header, context: Context, start: int = 0) -> int | None:
        """Return the index of the first condition from `start` on that the packet meets; record what shows it."""
        asked = self._all >> start << start
        found = asked & self._meeting(header)
        for one in self._context:
            found &= _accepted(one, context)
        while found:
            lowest = found & -found
            if not lowest & self._checked or self._check(lowest.bit_length() - 1, header, context):
                break
            found ^= lowest
        index = (found & -found).bit_length() - 1 if found else len(self.terms)
        if header.masks:
            self._record(header, context, asked & ((1 << index) - 1), index)
        return index if found else None

    def _check(self, index: int, header: Header, context: Context) -> bool:
        """Return whether the parts hold that need more than the sets."""
        terms = self.terms[index]
        met = not terms.inverted or holds(terms, header, context)
        if met:
            met = not terms.rewritten or context.rewritten
        if met and any(terms.flow):
            forward, backward = terms.flow
            returning = context.is_return_flow()
            met = (not forward or not returning) and (not backward or returning)
        return met != terms.inverted

    def _record(self, header: Header, context: Context, earlier: int, index: int) -> None:
        """Record what excludes the earlier conditions and what the terms of the winner are about."""
        if header.minimal:
            self._record_minimal(header, context, earlier, index)
            return
        values = header.values
        winner = 1 << index
        for one in self._context:
            earlier &= _accepted(one, context)
        for field, intervals in self._fields:
            accepted = intervals.at(values[field])
            mine = index < len(self.terms) and (field in self.terms[index].ranges or field == NW_FRAG)
            if earlier & ~accepted or (mine and accepted & winner and not self._ignores(index, field)):
                earlier &= accepted
                value = values[field]
                header.record(field, intervals.mask(value, FULL[field]) if value >= 0 else 0)
        for dimension in self._macs:
            accepted = dimension.by_value.get(values[dimension.field] & dimension.mask, dimension.others)
            if earlier & ~accepted or (index < len(self.terms) and _has(self.terms[index], dimension)):
                earlier &= accepted
                header.record(dimension.field, dimension.mask)

    def _record_minimal(self, header: Header, context: Context, earlier: int, index: int) -> None:
        for one in self._context:
            earlier &= _accepted(one, context)
        excluded = earlier & ~self._meeting(header)
        winner = self.terms[index] if index < len(self.terms) else None
        record(header, winner, (self.terms[bit.bit_length() - 1] for bit in bits(excluded)))

    def _meeting(self, header: Header) -> int:
        """Return the conditions whose terms on fields the packet meets."""
        values = header.values
        found = self._all
        for field, intervals in self._fields:
            found &= intervals.at(values[field])
        for dimension in self._macs:
            found &= dimension.by_value.get(values[dimension.field] & dimension.mask, dimension.others)
        return found

    def _ignores(self, index: int, field: int) -> bool:
        terms = self.terms[index]
        if terms.inverted:
            return field != NW_FRAG or not terms.fragments
        return field == NW_FRAG and not terms.fragments and field not in terms.ranges


COUNT_LAST = len(_ORDER)


def _has(terms: Terms, dimension: _MacDimension) -> bool:
    return not terms.inverted and any(
        (term.field, term.mask) == (dimension.field, dimension.mask) for term in terms.macs
    )


def _accepted(one: _ContextDimension, context: Context) -> int:
    bits = one.others
    for object_id in context.ids(one.name):
        bits |= one.by_id.get(object_id, 0)
    for object_id in context.ids(one.name):
        bits &= ~one.negative.get(object_id, 0)
    return bits


def _mac_dimensions(plain: Sequence[tuple[int, Terms]], all_owners: int) -> Iterator[_MacDimension]:
    """One dimension for each field and mask; values that no condition names are accepted by `others`."""
    owned: dict[tuple[int, int], list[tuple[int, MacTerm]]] = {}
    for bit, terms in plain:
        for term in terms.macs:
            owned.setdefault((term.field, term.mask), []).append((bit, term))
    for (field, mask), pairs in owned.items():
        others = all_owners
        for bit, term in pairs:
            if not term.inverted:
                others &= ~bit
        by_value = dict.fromkeys((term.value for _, term in pairs), others)
        for bit, term in pairs:
            by_value[term.value] = by_value[term.value] & ~bit if term.inverted else by_value[term.value] | bit
        yield _MacDimension(field, mask, by_value, others)


def _context_dimensions(plain: Sequence[tuple[int, Terms]], all_owners: int) -> Iterator[_ContextDimension]:
    names = sorted({name for _, terms in plain for name in terms.context})
    for name in names:
        by_id: dict[str, int] = {}
        negative: dict[str, int] = {}
        others = all_owners
        for bit, terms in plain:
            ids, inverted = terms.context.get(name, (frozenset(), True))
            if not inverted:
                others &= ~bit
            for object_id in ids:
                where = negative if inverted else by_id
                where[object_id] = where.get(object_id, 0) | bit
        yield _ContextDimension(name, by_id, negative, others)


def _intersection(parts: Sequence[Sequence[Range]]) -> Sequence[Range]:
    """Return the numbers that are in all of several sets of ranges."""
    first, *rest = parts
    for other in rest:
        first = [
            (max(low, other_low), min(high, other_high))
            for low, high in first
            for other_low, other_high in other
            if max(low, other_low) <= min(high, other_high)
        ]
    return first


def holds(terms: Terms, header: Header, context: Context) -> bool:
    """Return whether the parts of a condition on header and context all hold; all that is looked at is recorded."""
    for field, parts in terms.ranges.items():
        value = header.read(field)
        if not all(any(low <= value <= high for low, high in ranges) for ranges in parts):
            return False
    for term in terms.macs:
        header.record(term.field, term.mask)
        if (header.values[term.field] & term.mask == term.value) == term.inverted:
            return False
    return all((not ids.isdisjoint(context.ids(name))) != inverted for name, (ids, inverted) in terms.context.items())
