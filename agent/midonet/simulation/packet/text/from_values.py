"""Compose a frame from the values of its fields."""

from collections.abc import Mapping

from midonet.simulation.packet import compose
from midonet.simulation.packet.compose import TTL, Ip, Link
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
    ECHO_REQUEST,
    ECHO_REQUEST6,
    ERRORS,
    ERRORS6,
    FRAGMENT,
    HEADERS6,
    ICMP,
    ICMP6,
    IP4,
    IP6,
    LATER_FRAGMENT,
    NO_NEXT_HEADER,
    SCTP,
    SOLICITATION,
    SOURCE_LINK,
    TAGS,
    TARGET_LINK,
    TCP,
    UDP,
)

_FILLER = bytes(16)
"""Payload of protocols of which only the number is known."""

Values = Mapping[int, int]


def frame_of(values: Values) -> bytes:
    """Return the frame with those values of all fields that it has; others may be missing."""
    return compose.ethernet(link_of(values), values[DL_TYPE], _network(values))


def link_of(values: Values) -> Link:
    """Return addresses and tags."""
    tags = [values[field] for field in (VLAN, INNER_VLAN) if values.get(field)]
    return Link(values[DL_SRC], values[DL_DST], tags)


def _network(values: Values) -> bytes:
    kind = values[DL_TYPE]
    if kind == ARP:
        sender, target = (values[ARP_SHA], values[NW_SRC]), (values[ARP_THA], values[NW_DST])
        return compose.arp(values[NW_PROTO], sender, target)
    if kind in (IP4, IP6):
        return _ip(values)
    return b"" if kind in TAGS else _FILLER


def _ip(values: Values) -> bytes:
    proto, fragment = values[NW_PROTO], values.get(NW_FRAG, 0)
    source, target = values[NW_SRC], values[NW_DST]
    if values[DL_TYPE] == IP6 and fragment == LATER_FRAGMENT and proto == FRAGMENT:
        proto = NO_NEXT_HEADER
    header = Ip(source, target, proto, values.get(NW_TTL, TTL), values.get(NW_TOS, 0), fragment)
    body = _FILLER if fragment == LATER_FRAGMENT else _transport(values)
    return compose.ip(header, compose.complete(header, body))


def _transport(values: Values) -> bytes:
    proto, six = values[NW_PROTO], values[DL_TYPE] == IP6
    if proto == (ICMP6 if six else ICMP):
        return _icmp(values)
    source, target = values.get(TP_SRC, 0), values.get(TP_DST, 0)
    return _body(proto, source, target, values.get(TCP_FLAGS, 0), six=six)


def _body(proto: int, source: int, target: int, flags: int, *, six: bool) -> bytes:
    if proto == TCP:
        return compose.tcp(source, target, flags)
    if proto == UDP:
        return compose.udp(source, target)
    if proto == SCTP:
        return compose.sctp(source, target)
    return b"" if six and proto in HEADERS6 else _FILLER


def _icmp(values: Values) -> bytes:
    kind, code, six = values[TP_SRC], values[TP_DST], values[DL_TYPE] == IP6
    payload = b""
    if kind in (ERRORS6 if six else ERRORS) and any(values.get(field) for field in (DATA_SRC, DATA_DST, DATA_PROTO)):
        payload = _quoted(values, six=six)
    elif six and values.get(ND_TARGET):
        payload = compose.address(values[ND_TARGET])
        if values.get(ND_LINK):
            payload += compose.link_option(SOURCE_LINK if kind == SOLICITATION else TARGET_LINK, values[ND_LINK])
    return compose.icmp(kind, code, values.get(ICMP_ID, 0) << 16, payload)


def _quoted(values: Values, *, six: bool) -> bytes:
    proto = values.get(DATA_PROTO, 0)
    source, target = values.get(DATA_TP_SRC, 0), values.get(DATA_TP_DST, 0)
    family = IPV6 if six else 0
    header = Ip(values.get(DATA_SRC, 0) | family, values.get(DATA_DST, 0) | family, proto)
    if proto == (ICMP6 if six else ICMP):
        body = compose.icmp(ECHO_REQUEST6 if six else ECHO_REQUEST, 0, source << 16)
    else:
        body = _body(proto, source, target, 0, six=six)
    return compose.ip(header, compose.complete(header, body))
