"""The terms of a condition (MidoNet's Condition) as sets of numbers per field."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from midonet.simulation.match.intervals import Range, complement
from midonet.simulation.packet.addresses import mac_to_int
from midonet.simulation.packet.fields import (
    DATA_DST,
    DATA_SRC,
    DL_DST,
    DL_SRC,
    DL_TYPE,
    IPV6,
    NW_DST,
    NW_PROTO,
    NW_SRC,
    NW_TOS,
    TP_DST,
    TP_SRC,
    VLAN,
    VLAN_PRESENT,
)

_TOP = (IPV6 << 1) - 1
_ALL_MAC = (1 << 48) - 1
_FRAGMENTS: Mapping[str, Sequence[Range]] = {
    "header": ((0, 1),),
    "nonheader": ((3, 3),),
    "unfragmented": ((0, 0),),
}
"""What a fragment policy admits, as values of `nw_frag`; packets that are not IP are no fragments."""
_PREFIXES = (("nw_src", NW_SRC), ("nw_dst", NW_DST), ("icmp_data_src", DATA_SRC), ("icmp_data_dst", DATA_DST))
_NUMBERS = (("dl_type", DL_TYPE), ("nw_tos", NW_TOS), ("nw_proto", NW_PROTO))
_MACS = (("dl_src", DL_SRC), ("dl_dst", DL_DST))
_GROUPS = (("ip_addr_group_src", NW_SRC), ("ip_addr_group_dst", NW_DST))
_SETS = ("in_ports", "out_ports", "port_group", "in_port_group", "out_port_group", "traversed_device")


class MacTerm(NamedTuple):
    """Bits of a MAC address that must, or must not, be these."""

    field: int
    mask: int
    value: int
    inverted: bool


class Terms(NamedTuple):
    """A condition, taken apart: all parts must hold."""

    ranges: dict[int, list[list[Range]]]
    """Field → sets of ranges, each of which the value must be in."""
    macs: list[MacTerm]
    context: dict[str, tuple[frozenset[str], bool]]
    """Term on ports, groups and devices → (ids, inverted)."""
    flow: tuple[bool, bool]
    """Whether only the forward, or only the return direction of a connection meets it."""
    rewritten: bool
    """Whether the destination must have been translated."""
    inverted: bool
    """Whether the condition is met where the other parts, except that on fragments, do not all hold."""
    fragments: Sequence[Range]


Addresses = Callable[[str], Sequence[int]]
"""Returns the addresses of an address group, by its id."""


@lru_cache(maxsize=65536)
def prefix_range(text: str) -> Range:
    """Return the first and last address of a prefix."""
    network = ipaddress.ip_network(text, strict=False)
    bit = IPV6 if network.version == 6 else 0  # noqa: PLR2004 - the IP version
    return int(network.network_address) | bit, int(network.broadcast_address) | bit


def port_range(text: str) -> Range:
    """Return the first and last port of `PORT` or `PORT-PORT`."""
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def terms_of(condition: Any, addresses: Addresses, policy: str | None = None) -> Terms:
    """Take a condition apart; `policy` is the fragment policy of one that has none itself."""
    ranges: dict[int, list[list[Range]]] = {}
    for field, admitted in _ranges(condition, addresses):
        ranges.setdefault(field, []).append(admitted)
    return Terms(
        ranges,
        list(_macs(condition)),
        dict(_context(condition)),
        (condition.match_forward_flow, condition.match_return_flow),
        condition.match_nw_dst_rewritten,
        condition.conjunction_inv,
        _FRAGMENTS.get(condition.fragment_policy or policy or _default_policy(condition), ()),
    )


def _default_policy(condition: Any) -> str:
    return "any" if condition.tp_src is None and condition.tp_dst is None else "header"


def _ranges(condition: Any, addresses: Addresses) -> Iterator[tuple[int, list[Range]]]:
    for name, field in _NUMBERS:
        value = getattr(condition, name)
        if value is not None:
            yield field, _maybe(condition, name, [(value, value)])
    for name, field in _PREFIXES:
        value = getattr(condition, name)
        if value is not None:
            yield field, _maybe(condition, name, [prefix_range(value)])
    for name, field in (("tp_src", TP_SRC), ("tp_dst", TP_DST)):
        value = getattr(condition, name)
        if value is not None:
            yield field, _maybe(condition, name, [port_range(value)])
    for name, field in _GROUPS:
        group = getattr(condition, name)
        if group is not None:
            yield field, _maybe(condition, name, merged(addresses(group)))
    yield from _vlan(condition)


def _vlan(condition: Any) -> Iterator[tuple[int, list[Range]]]:
    if condition.no_vlan:
        yield VLAN, [(0, 0)]
    if condition.vlan is not None:
        tag = condition.vlan | VLAN_PRESENT
        yield VLAN, [(tag, tag)]


def _maybe(condition: Any, name: str, ranges: list[Range]) -> list[Range]:
    return complement(ranges, _TOP) if getattr(condition, f"inv_{name}") else ranges


def merged(numbers: Sequence[int]) -> list[Range]:
    """Return numbers as ranges that do not touch each other."""
    ranges: list[Range] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = ranges[-1][0], number
        else:
            ranges.append((number, number))
    return ranges


def _macs(condition: Any) -> Iterator[MacTerm]:
    for name, field in _MACS:
        value = getattr(condition, name)
        if value is not None:
            given = getattr(condition, f"{name}_mask")
            mask = mac_to_int(given) if given is not None else _ALL_MAC
            yield MacTerm(field, mask, mac_to_int(value) & mask, getattr(condition, f"inv_{name}"))


def _context(condition: Any) -> Iterator[tuple[str, tuple[frozenset[str], bool]]]:
    for name in _SETS:
        value = getattr(condition, name)
        if value:
            ids = frozenset((value,)) if isinstance(value, str) else frozenset(value)
            yield name, (ids, getattr(condition, f"inv_{name}"))
