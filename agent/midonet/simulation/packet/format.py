"""Values of fields as text, in the notation of Open vSwitch (ovs-fields(7)). Reads no frame."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from midonet.simulation.packet.addresses import int_to_ip, int_to_mac
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
    INNER_VLAN,
    IPV6,
    ND_LINK,
    ND_TARGET,
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
)
from midonet.simulation.packet.numbers import (
    ARP,
    ECHOES,
    ECHOES6,
    ICMP,
    ICMP6,
    IP4,
    IP6,
    LATER_FRAGMENT,
    SCTP,
    TCP,
    UDP,
)

WORDS: Mapping[str, tuple[int, int | None]] = {
    "arp": (ARP, None),
    "ip": (IP4, None),
    "ipv6": (IP6, None),
    "icmp": (IP4, ICMP),
    "icmp6": (IP6, ICMP6),
    "tcp": (IP4, TCP),
    "udp": (IP4, UDP),
    "sctp": (IP4, SCTP),
    "tcp6": (IP6, TCP),
    "udp6": (IP6, UDP),
    "sctp6": (IP6, SCTP),
}
"""Protocol words: ethertype and IP protocol."""
TRUNCATED = "truncated"
"""Word for a packet whose IP header is truncated or malformed."""
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns")
"""Names of TCP flags, from the lowest bit on."""
FRAGMENTS: Mapping[str, int] = {"no": 0, "first": 1, "later": 3}

_NAMES = {words: word for word, words in WORDS.items()}
_MACS = frozenset((DL_SRC, DL_DST, ARP_SHA, ARP_THA, ND_LINK))
_ADDRESSES = frozenset((NW_SRC, NW_DST, ND_TARGET, DATA_SRC, DATA_DST))
_IN_HEX = frozenset((DL_TYPE, VLAN, INNER_VLAN))
_TRANSPORT = {
    TCP: (TP_SRC, TP_DST, TCP_FLAGS),
    UDP: (TP_SRC, TP_DST),
    SCTP: (TP_SRC, TP_DST),
}
_DATA = (DATA_SRC, DATA_DST, DATA_PROTO, DATA_TP_SRC, DATA_TP_DST)


def format_field(index: int, value: int, mask: int | None = None) -> tuple[str, str]:
    """Return name and value of a field, with `/mask` unless the mask covers all bits."""
    name = FIELDS[index].name
    if index in _ADDRESSES:
        if value & IPV6 and name.startswith("nw_"):
            name = name.replace("nw", "ipv6")
        return name, _address(value, mask)
    full = (1 << FIELDS[index].bits) - 1
    exact = mask is None or mask & full == full
    if index in _PRINTERS:
        return name, _PRINTERS[index](value, full if exact or mask is None else mask)
    if index in _MACS:
        return name, int_to_mac(value) if exact or mask is None else f"{int_to_mac(value)}/{int_to_mac(mask)}"
    if exact:
        return name, f"{value:#06x}" if index in _IN_HEX else str(value)
    return name, f"{value:#x}/{mask:#x}"


def _address(value: int, mask: int | None) -> str:
    """Return an address with the length of its prefix, or with a mask that is none."""
    bits = 128 if value & IPV6 else 32
    full = (1 << bits) - 1
    host = 0 if mask is None else ~mask & full
    if not host:
        return int_to_ip(value)
    if host & host + 1:
        return f"{int_to_ip(value)}/{int_to_ip(full ^ host | value & IPV6)}"
    return f"{int_to_ip(value)}/{bits - host.bit_length()}"


def _fragment(value: int, mask: int) -> str:
    """Return a word of Open vSwitch: bit 0 tells fragments, bit 1 later fragments."""
    word = {(0, 1): "no", (1, 1): "yes", (0, 2): "not_later", (2, 2): "later"}.get((value & mask, mask))
    return word or next((word for word, number in FRAGMENTS.items() if number == value), f"{value:#x}/{mask:#x}")


def _flags(value: int, mask: int) -> str:
    """Return the flags that are set; with a mask, also those that are not."""
    names = {1 << bit: name for bit, name in enumerate(FLAGS)}
    odd = mask & ~sum(names)
    if mask == (1 << FIELDS[TCP_FLAGS].bits) - 1:
        rest = [f"{value & odd:#x}"] if value & odd or not value else []
        return "|".join([name for bit, name in names.items() if value & bit] + rest)
    if odd:
        return f"{value:#x}/{mask:#x}"
    return "".join(("+" if value & bit else "-") + name for bit, name in names.items() if mask & bit)


_PRINTERS: Mapping[int, Callable[[int, int], str]] = {NW_FRAG: _fragment, TCP_FLAGS: _flags}


def format_values(values: Sequence[int]) -> str:
    """Return the text of a packet with those values (contract §6)."""
    return ",".join(_parts(values))


def _parts(values: Sequence[int]) -> Iterator[str]:
    kind, proto = values[DL_TYPE], values[NW_PROTO]
    word = _NAMES.get((kind, proto)) or _NAMES.get((kind, None))
    if word:
        yield word
    yield from _link(values)
    if not word:
        yield _part(values, DL_TYPE)
    elif kind == ARP:
        yield from _arp(values)
    elif any(values[NW_PROTO : NW_DST + 1]):
        yield from _network(values, named=(kind, proto) in _NAMES)
    else:
        yield TRUNCATED


def _part(values: Sequence[int], index: int, name: str = "") -> str:
    found, value = format_field(index, values[index])
    return f"{name or found}={value}"


def _link(values: Sequence[int]) -> Iterator[str]:
    if values[VLAN]:
        yield f"dl_vlan={values[VLAN] & 0xFFF}"
        if values[VLAN] >> 13:
            yield f"dl_vlan_pcp={values[VLAN] >> 13}"
    if values[INNER_VLAN]:
        yield _part(values, INNER_VLAN)
    yield _part(values, DL_SRC)
    yield _part(values, DL_DST)


def _arp(values: Sequence[int]) -> Iterator[str]:
    yield _part(values, NW_PROTO, "arp_op")
    yield _part(values, NW_SRC, "arp_spa")
    yield _part(values, NW_DST, "arp_tpa")
    yield _part(values, ARP_SHA)
    yield _part(values, ARP_THA)


def _network(values: Sequence[int], *, named: bool) -> Iterator[str]:
    yield _part(values, NW_SRC)
    yield _part(values, NW_DST)
    if not named:
        yield _part(values, NW_PROTO)
    if values[NW_TOS]:
        yield _part(values, NW_TOS)
    yield _part(values, NW_TTL)
    if values[NW_FRAG]:
        yield _part(values, NW_FRAG)
    if values[NW_FRAG] == LATER_FRAGMENT or not named:
        return
    for index in _TRANSPORT.get(values[NW_PROTO], ()):
        yield _part(values, index)
    if values[NW_PROTO] in (ICMP, ICMP6):
        yield from _icmp(values)


def _icmp(values: Sequence[int]) -> Iterator[str]:
    yield _part(values, TP_SRC, "icmp_type")
    yield _part(values, TP_DST, "icmp_code")
    if values[TP_SRC] in (ECHOES if values[NW_PROTO] == ICMP else ECHOES6):
        yield _part(values, ICMP_ID)
    for index in (ND_TARGET, ND_LINK):
        if values[index]:
            yield _part(values, index)
    if any(values[DATA_SRC:]):
        for index in _DATA:
            yield _part(values, index)
