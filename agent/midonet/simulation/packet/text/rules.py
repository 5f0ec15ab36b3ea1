"""Which fields a packet has, and what the text leaves out."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from midonet.events.errors import InvalidValue
from midonet.simulation.packet.addresses import int_to_ip
from midonet.simulation.packet.fields import (
    ARP_SHA,
    ARP_THA,
    DATA_DST,
    DATA_SRC,
    DL_DST,
    DL_SRC,
    DL_TYPE,
    FIELDS,
    ICMP_ID,
    INNER_VLAN,
    IPV6,
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
    ADVERTISEMENT,
    ARP,
    ECHO_REQUEST,
    ECHO_REQUEST6,
    ECHOES,
    ECHOES6,
    ERRORS,
    ERRORS6,
    ICMP,
    ICMP6,
    IP4,
    IP6,
    LATER_FRAGMENT,
    SCTP,
    SOLICITATION,
    TCP,
    UDP,
)

_SOURCE_MAC, _TARGET_MAC, _BROADCAST = 0x020000000001, 0x020000000002, 0xFFFFFFFFFFFF
_REQUEST = 1
_SYN = 2
_EPHEMERAL = 49152
_SERVICES = {TCP: 80, UDP: 53, SCTP: 80}

Values = Mapping[int, int]


class _Rule(NamedTuple):
    """Which packets have a group of fields, and what to do when one has not."""

    holds: Callable[[Values], bool]
    advice: str


def _is_ip(values: Values) -> bool:
    return values[DL_TYPE] in (IP4, IP6)


def _has_transport(values: Values, *protos: int) -> bool:
    return _is_ip(values) and values[NW_PROTO] in protos and values.get(NW_FRAG) != LATER_FRAGMENT


def _is_icmp(values: Values, types4: frozenset[int] | None = None, types6: frozenset[int] | None = None) -> bool:
    proto, types = (ICMP6, types6) if values[DL_TYPE] == IP6 else (ICMP, types4)
    return _has_transport(values, proto) and (types is None or values[TP_SRC] in types)


def _is_neighbour(values: Values) -> bool:
    return values[DL_TYPE] == IP6 and _is_icmp(values, None, frozenset((SOLICITATION, ADVERTISEMENT)))


RULES: Mapping[str, _Rule] = {
    "": _Rule(lambda _: True, ""),
    "inner tag": _Rule(lambda values: bool(values.get(VLAN)), "only in a packet with two tags: add dl_vlan=…"),
    "network": _Rule(lambda values: _is_ip(values) or values[DL_TYPE] == ARP, "only in IP and ARP"),
    "ip": _Rule(_is_ip, "only in IP: write ip, ipv6 or a protocol on them instead of arp or dl_type"),
    "ports": _Rule(
        lambda values: _has_transport(values, TCP, UDP, SCTP),
        "only in tcp, udp or sctp, and not in later fragments: name one of them (ICMP has icmp_type and icmp_code)",
    ),
    "tcp": _Rule(lambda values: _has_transport(values, TCP), "only in tcp, and not in later fragments"),
    "icmp": _Rule(_is_icmp, "only in icmp or icmp6, and not in later fragments"),
    "echo": _Rule(
        lambda values: _is_icmp(values, ECHOES, ECHOES6),
        "only in echo messages: icmp_type 8 or 0, in icmp6 128 or 129",
    ),
    "arp": _Rule(lambda values: values[DL_TYPE] == ARP, "only in arp"),
    "neighbour": _Rule(
        lambda values: _is_neighbour(values) and not values[TP_DST] and bool(values.get(ND_TARGET)),
        "only in neighbour discovery: icmp6 with icmp_type=135 or 136, icmp_code=0 and nd_target",
    ),
    "error": _Rule(
        lambda values: _is_icmp(values, ERRORS, ERRORS6),
        "only in ICMP errors, such as icmp_type=3 (in icmp6, 1 to 127)",
    ),
}
"""By the word that `midonet.simulation.packet.text.names.Name.needs` has."""


def check(word: str, needs: str, values: Values) -> None:
    """Refuse a term that does not go with the packet."""
    if not RULES[needs].holds(values):
        raise InvalidValue(f"{word}: the field is {RULES[needs].advice}", field=word, reason="not-for-protocol")


def complete(given: Values, defaults: Values) -> dict[int, int]:
    """Return all values of a packet of which `given` has some, with its ethertype.

    Only `given` has fields of the transport header: what they mean is a matter of the protocol.
    """
    values = dict(given)
    known = {**defaults, **given}
    values[VLAN] = known.get(VLAN, 0)
    values.setdefault(INNER_VLAN, known.get(INNER_VLAN, 0) if values[VLAN] else 0)
    values[DL_SRC] = known.get(DL_SRC, _SOURCE_MAC)
    if values[DL_TYPE] == ARP:
        _complete_arp(values, known)
    elif _is_ip(values):
        _complete_ip(values, known)
    values[DL_DST] = known.get(DL_DST, _default_target(values))
    return values


def _default_target(values: Values) -> int:
    return _BROADCAST if values[DL_TYPE] == ARP and values[NW_PROTO] == _REQUEST else _TARGET_MAC


def _complete_arp(values: dict[int, int], known: Values) -> None:
    values.setdefault(NW_PROTO, _REQUEST)
    _complete_addresses(values, known, 0)
    values[ARP_SHA] = known.get(ARP_SHA, values[DL_SRC])
    values[ARP_THA] = known.get(ARP_THA, 0)


def _complete_addresses(values: dict[int, int], known: Values, family: int) -> None:
    for field in (NW_SRC, NW_DST, DATA_SRC, DATA_DST):
        if values.get(field, family) & IPV6 != family:
            raise InvalidValue(
                f"{int_to_ip(values[field])} is of another IP version than the rest of the packet; write all of one",
                field=FIELDS[field].name,
                reason="ip-versions-differ",
            )
    for field in (NW_SRC, NW_DST):
        value = known.get(field, family)
        values[field] = value if value & IPV6 == family else family


def _complete_ip(values: dict[int, int], known: Values) -> None:
    six = values[DL_TYPE] == IP6
    _complete_addresses(values, known, IPV6 if six else 0)
    values.setdefault(NW_PROTO, known.get(NW_PROTO, ICMP6 if six else ICMP))
    values[NW_TTL] = known.get(NW_TTL, 64)
    values[NW_TOS] = known.get(NW_TOS, 0)
    if values.get(NW_FRAG) == LATER_FRAGMENT:
        return
    proto = values[NW_PROTO]
    if proto in _SERVICES:
        values.setdefault(TP_SRC, _EPHEMERAL)
        values.setdefault(TP_DST, _SERVICES[proto])
        values.setdefault(TCP_FLAGS, _SYN)
    elif proto == (ICMP6 if six else ICMP):
        request = ECHO_REQUEST6 if six else ECHO_REQUEST
        values.setdefault(TP_SRC, request)
        values.setdefault(TP_DST, 0)
        if values[TP_SRC] in (ECHOES6 if six else ECHOES):
            values.setdefault(ICMP_ID, 1)
