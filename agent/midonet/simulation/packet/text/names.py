"""The names of fields in the text of a packet, and how their values are read."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from midonet.events.errors import InvalidValue
from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.fields import (
    ARP_SHA,
    ARP_THA,
    COUNT,
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
    VLAN_PRESENT,
)
from midonet.simulation.packet.format import FLAGS, FRAGMENTS
from midonet.simulation.packet.numbers import ARP, ETHERTYPES, ICMP6, IP4, IP6, LENGTH_FRAME, SCTP, TCP, UDP

VLAN_PRIORITY = COUNT
"""Index of the priority in the outer tag, which is no field of its own."""

_NUMBER = re.compile(r"0x[0-9a-f]{1,8}|[0-9]{1,10}", re.IGNORECASE | re.ASCII)
_FLAG = re.compile(r"([+-]?)([a-z]+)")

Reader = Callable[[str], int]


class Name(NamedTuple):
    """What a name in the text means."""

    field: int
    read: Reader
    """Text → value; `ValueError` with what is wrong."""
    needs: str = ""
    """Which packets have the field: a key of `midonet.simulation.packet.text.rules.RULES`."""
    kind: int | None = None
    """Ethertype that the name implies."""
    proto: int | None = None
    """IP protocol that the name implies."""


def number(most: int, least: int = 0) -> Reader:
    """Return a reader of numbers in a range, decimal or with 0x."""

    def read(text: str) -> int:
        value = int(text, 0 if text[:2].lower() == "0x" else 10) if _NUMBER.fullmatch(text) else -1
        if not least <= value <= most:
            raise ValueError(f"{text[:50]!r} is not a number from {least} to {most}")
        return value

    return read


def _ethertype(text: str) -> int:
    value = number(0xFFFF)(text)
    if value < ETHERTYPES and value != LENGTH_FRAME:
        raise ValueError(f"{text} is not an ethertype: use 0x0600 to 0xffff, or 0x05ff for a frame with a length")
    return value


def _tag(text: str) -> int:
    value = number(0xFFFF)(text)
    if value and not value & VLAN_PRESENT:
        raise ValueError(
            f"{text} has not bit 0x1000, which marks a tag: use {value | VLAN_PRESENT:#06x}, or 0 for no tag"
        )
    return value


def _vlan(text: str) -> int:
    return number(0xFFF)(text) | VLAN_PRESENT


def _mac(text: str) -> int:
    try:
        return mac_to_int(text)
    except InvalidValue as error:
        raise ValueError(error.message) from None


def _ip(text: str) -> int:
    try:
        return ip_to_int(text)
    except InvalidValue as error:
        hint = ": a packet has one address, without a mask" if "/" in text else ""
        raise ValueError(error.message + hint) from None


def _ip4(text: str) -> int:
    value = _ip(text)
    if value & IPV6:
        raise ValueError(f"{text} is an IPv6 address, and the field is of IPv4")
    return value


def _ip6(text: str) -> int:
    value = _ip(text)
    if not value & IPV6:
        raise ValueError(f"{text} is an IPv4 address, and the field is of IPv6")
    return value


def _fragment(text: str) -> int:
    found = FRAGMENTS.get(text)
    if found is None:
        raise ValueError(f"{text[:50]!r} is not one of {', '.join(FRAGMENTS)}")
    return found


def _flags(text: str) -> int:
    """Read flags as a number, as names with | between them, or as names with + and -."""
    value = 0
    for part in text.split("|"):
        if _NUMBER.fullmatch(part):
            value |= number(0xFFF)(part)
        else:
            value |= _named_flags(part)
    return value


def _named_flags(text: str) -> int:
    found = _FLAG.findall(text)
    if "".join(sign + name for sign, name in found) != text or not found or {name for _, name in found} - set(FLAGS):
        raise ValueError(f"{text[:50]!r} is not a list of flags such as syn|ack: they are {', '.join(FLAGS)}")
    return sum({1 << FLAGS.index(name) for sign, name in found if sign != "-"})


_BYTE, _SHORT = number(0xFF), number(0xFFFF)


def _table(rows: Iterable[tuple[str, Name]]) -> Mapping[str, Name]:
    return {name: meaning for names, meaning in rows for name in names.split()}


NAMES: Mapping[str, Name] = _table(
    [
        ("dl_src eth_src eth.src", Name(DL_SRC, _mac)),
        ("dl_dst eth_dst eth.dst", Name(DL_DST, _mac)),
        ("dl_type eth_type eth.type", Name(DL_TYPE, _ethertype)),
        ("dl_vlan vlan_vid vlan.vid", Name(VLAN, _vlan)),
        ("dl_vlan_pcp vlan_pcp vlan.pcp", Name(VLAN_PRIORITY, number(7))),
        ("vlan_tci", Name(VLAN, _tag)),
        ("inner_vlan_tci", Name(INNER_VLAN, _tag, "inner tag")),
        ("nw_src ip_src ip.src", Name(NW_SRC, _ip, "network")),
        ("nw_dst ip_dst ip.dst", Name(NW_DST, _ip, "network")),
        ("ip4.src", Name(NW_SRC, _ip4, "ip", IP4)),
        ("ip4.dst", Name(NW_DST, _ip4, "ip", IP4)),
        ("ipv6_src ip6.src", Name(NW_SRC, _ip6, "ip", IP6)),
        ("ipv6_dst ip6.dst", Name(NW_DST, _ip6, "ip", IP6)),
        ("nw_proto ip_proto ip.proto", Name(NW_PROTO, _BYTE, "network")),
        ("nw_tos ip_tos ip.tos", Name(NW_TOS, _BYTE, "ip")),
        ("nw_ttl ip_ttl ip.ttl", Name(NW_TTL, _BYTE, "ip")),
        ("nw_frag ip_frag ip.frag", Name(NW_FRAG, _fragment, "ip")),
        ("tp_src", Name(TP_SRC, _SHORT, "ports")),
        ("tp_dst", Name(TP_DST, _SHORT, "ports")),
        ("tcp_src tcp.src", Name(TP_SRC, _SHORT, "ports", proto=TCP)),
        ("tcp_dst tcp.dst", Name(TP_DST, _SHORT, "ports", proto=TCP)),
        ("udp_src udp.src", Name(TP_SRC, _SHORT, "ports", proto=UDP)),
        ("udp_dst udp.dst", Name(TP_DST, _SHORT, "ports", proto=UDP)),
        ("sctp_src sctp.src", Name(TP_SRC, _SHORT, "ports", proto=SCTP)),
        ("sctp_dst sctp.dst", Name(TP_DST, _SHORT, "ports", proto=SCTP)),
        ("tcp_flags tcp.flags", Name(TCP_FLAGS, _flags, "tcp", proto=TCP)),
        ("icmp_type icmp.type icmp4.type icmp6.type icmpv6_type", Name(TP_SRC, _BYTE, "icmp")),
        ("icmp_code icmp.code icmp4.code icmp6.code icmpv6_code", Name(TP_DST, _BYTE, "icmp")),
        ("icmp_id", Name(ICMP_ID, _SHORT, "echo")),
        ("arp_op arp.op", Name(NW_PROTO, _BYTE, "arp", ARP)),
        ("arp_spa arp.spa", Name(NW_SRC, _ip4, "arp", ARP)),
        ("arp_tpa arp.tpa", Name(NW_DST, _ip4, "arp", ARP)),
        ("arp_sha arp.sha", Name(ARP_SHA, _mac, "arp", ARP)),
        ("arp_tha arp.tha", Name(ARP_THA, _mac, "arp", ARP)),
        ("nd_target nd.target", Name(ND_TARGET, _ip6, "neighbour", IP6, ICMP6)),
        ("nd_link nd_sll nd.sll nd_tll nd.tll", Name(ND_LINK, _mac, "neighbour", IP6, ICMP6)),
        ("icmp_data_src", Name(DATA_SRC, _ip, "error")),
        ("icmp_data_dst", Name(DATA_DST, _ip, "error")),
        ("icmp_data_proto", Name(DATA_PROTO, _BYTE, "error")),
        ("icmp_data_tp_src", Name(DATA_TP_SRC, _SHORT, "error")),
        ("icmp_data_tp_dst", Name(DATA_TP_DST, _SHORT, "error")),
    ]
)
