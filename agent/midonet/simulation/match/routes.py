"""The routes of a router, by longest prefix: one look-up for any number of routes."""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from midonet.simulation.header import FULL, Header
from midonet.simulation.match.intervals import Range, prefix_mask
from midonet.simulation.match.terms import prefix_range
from midonet.simulation.packet.fields import IPV6, NW_DST, NW_SRC

_END = IPV6 << 1
_ANY = ("0.0.0.0/0", "::/0")


class Entry(NamedTuple):
    """A route with its prefixes as ranges."""

    length: int
    dst: Range
    src: Range | None
    """None: any source."""
    route: Any


class RouteTable:
    """Routes by the intervals of destinations for which the same ones apply, the longest prefix first."""

    __slots__ = ("_applying", "_cuts")

    def __init__(self, routes: Iterable[Any]) -> None:
        entries = sorted(map(_entry, routes), key=lambda one: (one.dst[0], -one.dst[1], one.route.weight, one.route.id))
        self._cuts: list[int] = []
        self._applying: list[tuple[Entry, ...]] = [()]
        open_: list[Entry] = []
        for entry in entries:
            while open_ and open_[-1].dst[1] < entry.dst[0]:
                self._close(open_)
            open_.append(entry)
            self._cut(entry.dst[0], open_)
        while open_:
            self._close(open_)

    def _close(self, open_: list[Entry]) -> None:
        end = open_[-1].dst[1]
        while open_ and open_[-1].dst[1] == end:
            open_.pop()
        self._cut(end + 1, open_)

    def _cut(self, at: int, open_: list[Entry]) -> None:
        applying = tuple(sorted(open_, key=lambda one: (-one.length, one.route.weight)))
        if self._cuts and self._cuts[-1] == at:
            self._applying[-1] = applying
        else:
            self._cuts.append(at)
            self._applying.append(applying)

    def lookup(self, header: Header) -> Iterator[list[Any]]:
        """Yield groups of equal routes (one prefix, one weight) for a packet, the best first; record what was read."""
        value = header.values[NW_DST]
        index = bisect_right(self._cuts, value)
        low = self._cuts[index - 1] if index else -1
        high = self._cuts[index] if index < len(self._cuts) else _END
        header.record(NW_DST, prefix_mask(value, low, high, FULL[NW_DST]))
        group: list[Any] = []
        rank: tuple[int, int] | None = None
        for entry in self._applying[index]:
            if entry.src is not None and not _has_source(header, entry.src):
                continue
            this = (entry.length, entry.route.weight)
            if group and this != rank:
                yield group
                group = []
            rank = this
            group.append(entry.route)
        if group:
            yield group


def _has_source(header: Header, src: Range) -> bool:
    value = header.values[NW_SRC]
    first, last = src
    if first <= value <= last:
        header.record(NW_SRC, prefix_mask(value, first, last + 1, FULL[NW_SRC]))
        return True
    gap = (-1, first) if value < first else (last + 1, _END)
    header.record(NW_SRC, prefix_mask(value, *gap, FULL[NW_SRC]))
    return False


def _entry(route: Any) -> Entry:
    length = ipaddress.ip_network(route.dst, strict=False).prefixlen
    src = None if route.src in _ANY else prefix_range(route.src)
    return Entry(length, prefix_range(route.dst), src, route)
