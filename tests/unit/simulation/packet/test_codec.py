"""Frames that scapy builds decode to the values that scapy wrote."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packet_frames import ETHER, FRAMES, IP4, IP6, mutated
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPerror, IPerror, IPOption_NOP, UDPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1AD, Dot1Q, Dot3
from scapy.layers.sctp import SCTP, SCTPChunkInit

from midonet.simulation.packet import fields
from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.codec import BadPacket, decode
from midonet.simulation.packet.rewrite import rewrite
from midonet.simulation.packet.text import parse

NAMES = {
    name: index for name, index in vars(fields).items() if isinstance(index, int) and name.isupper() and name != "COUNT"
}


def known(packet: Any) -> dict[str, int]:
    """Return the values of a packet that are not 0, by their names; addresses of `ETHER` are left out."""
    values = decode(bytes(packet)).values
    assert (values[0], values[1], len(values)) == (0x020000000001, 0x020000000002, fields.COUNT)
    return {name: values[index] for name, index in NAMES.items() if 2 <= index < fields.COUNT and values[index]}


SETTABLE = [*range(2), 5, 6, 7, *range(9, 13), 14, 15, *range(18, 21), 22, 23]
REWRITES = {
    six: {field: 5 | (fields.IPV6 if six and fields.FIELDS[field].bits > 128 else 0) for field in SETTABLE}
    for six in (False, True)
}


def network4(proto: int, **more: int) -> dict[str, int]:
    addresses = {"NW_SRC": 0x0A000001, "NW_DST": 0x0A000002}
    return {"DL_TYPE": 0x0800, "NW_PROTO": proto, "NW_TOS": 0x2A, "NW_TTL": 17, **addresses, **more}


def network6(proto: int, **more: int) -> dict[str, int]:
    addresses = {"NW_SRC": ip_to_int("fd00::1"), "NW_DST": ip_to_int("fd00::2")}
    return {"DL_TYPE": 0x86DD, "NW_PROTO": proto, "NW_TOS": 0x2A, "NW_TTL": 17, **addresses, **more}


NETWORKS = [pytest.param(IP4, network4, id="ip4"), pytest.param(IP6, network6, id="ip6")]


@pytest.mark.parametrize(("ip", "network"), NETWORKS)
def test_ports_and_flags_of_transport_protocols(ip: Any, network: Any) -> None:
    assert known(ETHER / ip / TCP(sport=5, dport=80, flags="SAN")) == network(6, TP_SRC=5, TP_DST=80, TCP_FLAGS=0x112)
    assert known(ETHER / ip / UDP(sport=5, dport=80)) == network(17, TP_SRC=5, TP_DST=80)
    assert known(ETHER / ip / SCTP(sport=5, dport=80) / SCTPChunkInit()) == network(132, TP_SRC=5, TP_DST=80)


def test_type_code_and_identifier_of_icmp() -> None:
    assert known(ETHER / IP4 / ICMP(type=8, id=7)) == network4(1, TP_SRC=8, ICMP_ID=7)
    assert known(ETHER / IP4 / ICMP(type=13, id=7)) == network4(1, TP_SRC=13)
    assert known(ETHER / IP6 / ICMPv6EchoRequest(id=7)) == network6(58, TP_SRC=128, ICMP_ID=7)


def test_icmp_is_of_one_ip_version_only() -> None:
    six = IP6.copy()
    six.nh = 1
    assert known(ETHER / six / ICMP()) == network6(1)
    four = IP4.copy()
    four.proto = 58
    assert known(ETHER / four / ICMPv6EchoRequest(id=7, cksum=1)) == network4(58)


def test_error_shows_the_packet_it_quotes() -> None:
    quoted = {"DATA_SRC": 0x0A000002, "DATA_DST": 0x0A000001, "DATA_PROTO": 17, "DATA_TP_SRC": 5, "DATA_TP_DST": 53}
    inside = IPerror(src="10.0.0.2", dst="10.0.0.1") / UDPerror(sport=5, dport=53)
    assert known(ETHER / IP4 / ICMP(type=3, code=1) / inside) == network4(1, TP_SRC=3, TP_DST=1, **quoted)
    echo = IPerror(src="10.0.0.2", dst="10.0.0.1") / ICMPerror(type=8, id=9)
    quoted = {"DATA_SRC": 0x0A000002, "DATA_DST": 0x0A000001, "DATA_PROTO": 1, "DATA_TP_SRC": 9}
    assert known(ETHER / IP4 / ICMP(type=11) / echo) == network4(1, TP_SRC=11, **quoted)


def test_error_of_ipv6_shows_the_packet_it_quotes() -> None:
    inside = IPv6(src="fd00::2", dst="fd00::1") / IPv6ExtHdrHopByHop() / TCP(sport=5, dport=53)
    quoted = {"DATA_PROTO": 6, "DATA_TP_SRC": 5, "DATA_TP_DST": 53}
    quoted |= {"DATA_SRC": ip_to_int("fd00::2"), "DATA_DST": ip_to_int("fd00::1")}
    assert known(ETHER / IP6 / ICMPv6DestUnreach(code=4) / inside) == network6(58, TP_SRC=1, TP_DST=4, **quoted)


def test_neighbour_discovery_shows_target_and_link() -> None:
    target, mac = ip_to_int("fd00::9"), 0x020000000009
    options = ICMPv6NDOptMTU() / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:09")
    expected = network6(58, TP_SRC=135, ND_TARGET=target, ND_LINK=mac)
    assert known(ETHER / IP6 / ICMPv6ND_NS(tgt="fd00::9") / options) == expected
    option = ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:09")
    expected = network6(58, TP_SRC=136, ND_TARGET=target, ND_LINK=mac)
    assert known(ETHER / IP6 / ICMPv6ND_NA(tgt="fd00::9") / option) == expected
    assert known(ETHER / IP6 / ICMPv6ND_NA(tgt="fd00::9") / option / option) == network6(58, TP_SRC=136)


def test_operation_and_addresses_of_arp() -> None:
    arp = ARP(op=2, hwsrc="02:00:00:00:00:03", hwdst="02:00:00:00:00:04", psrc="10.0.0.1", pdst="10.0.0.2")
    addresses = {"NW_SRC": 0x0A000001, "NW_DST": 0x0A000002, "ARP_SHA": 0x020000000003, "ARP_THA": 0x020000000004}
    assert known(ETHER / arp) == {"DL_TYPE": 0x0806, "NW_PROTO": 2, **addresses}
    assert known(ETHER / ARP(hwtype=6)) == {"DL_TYPE": 0x0806}


def test_tags_are_read_and_a_third_is_the_type() -> None:
    inside = IP4 / UDP(sport=1, dport=2)
    udp = network4(17, TP_SRC=1, TP_DST=2)
    assert known(ETHER / Dot1Q(vlan=5, prio=3) / inside) == {**udp, "VLAN": 0x7005}
    both = {"VLAN": 0x1005, "INNER_VLAN": 0x1006}
    assert known(ETHER / Dot1AD(vlan=5) / Dot1Q(vlan=6) / inside) == {**udp, **both}
    assert known(ETHER / Dot1AD(vlan=5) / Dot1Q(vlan=6) / Dot1Q(vlan=7) / inside) == {"DL_TYPE": 0x8100, **both}


def test_frame_with_length_is_known_by_its_snap_header() -> None:
    dot3 = Dot3(src=ETHER.src, dst=ETHER.dst)
    assert known(dot3 / LLC(dsap=0x42, ssap=0x42) / b"stp") == {"DL_TYPE": 0x05FF}
    snap = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800)
    assert known(dot3 / snap / IP4 / UDP(sport=1, dport=2)) == network4(17, TP_SRC=1, TP_DST=2)


def test_fragments_show_ports_in_the_first_only() -> None:
    udp = IP4 / UDP(sport=1, dport=2) / bytes(64)
    first, later = udp.copy(), IP4.copy() / bytes(64)
    first.flags, later.frag, later.proto = "MF", 8, 17
    assert known(ETHER / first) == network4(17, NW_FRAG=1, TP_SRC=1, TP_DST=2)
    assert known(ETHER / later) == network4(17, NW_FRAG=3)
    assert decode(bytes(ETHER / later)).l4 == -1


def test_fragments_of_ipv6_show_what_open_vswitch_does() -> None:
    udp = UDP(sport=1, dport=2)
    ports = {"TP_SRC": 1, "TP_DST": 2}
    assert known(ETHER / IP6 / IPv6ExtHdrFragment(m=1) / udp) == network6(17, NW_FRAG=1, **ports)
    assert known(ETHER / IP6 / IPv6ExtHdrFragment() / udp) == network6(17, **ports)
    assert known(ETHER / IP6 / IPv6ExtHdrFragment(offset=9, nh=17) / bytes(9)) == network6(44, NW_FRAG=3)


def test_options_and_extension_headers_are_skipped() -> None:
    udp = UDP(sport=1, dport=2) / b"data"
    ports = {"TP_SRC": 1, "TP_DST": 2}
    options = IP(src=IP4.src, dst=IP4.dst, tos=IP4.tos, ttl=17, options=[IPOption_NOP()])
    assert known(ETHER / options / udp) == network4(17, **ports)
    headers = IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting(addresses=["fd00::3"]) / IPv6ExtHdrDestOpt()
    packet = ETHER / IP6 / headers / AH(icv=bytes(12), payloadlen=4, nh=17) / udp
    assert known(packet) == network6(17, **ports)
    assert decode(bytes(packet)).payload_bytes == b"data"


def test_padding_is_no_payload() -> None:
    packet = decode(bytes(ETHER / IP4 / UDP() / b"data") + bytes(14))
    assert (packet.payload_bytes, packet.l3, packet.l4, packet.payload) == (b"data", 14, 34, 42)
    assert decode(bytes(ETHER / IP6 / TCP()) + bytes(14)).payload_bytes == b""
    assert known(bytes(ETHER / IP(len=24) / UDP()))["DL_TYPE"] == 0x0800
    assert decode(bytes(ETHER / IP(len=24) / UDP())).l4 == -1


def test_too_short_a_frame_is_refused() -> None:
    with pytest.raises(BadPacket, match="13 bytes"):
        decode(bytes(13))


def test_malformed_headers_leave_values_at_zero() -> None:
    for bad in (IP(ihl=4), IP(version=5), IP(len=19), IP(ihl=15), IPv6(version=4)):
        packet = decode(bytes(ETHER / bad))
        assert (packet.values[5:], packet.l3, packet.l4) == ((0,) * 19, -1, -1)


def check_sound(frame: bytes) -> None:
    packet = decode(frame)
    assert len(packet.values) == fields.COUNT
    for value, field in zip(packet.values, fields.FIELDS, strict=True):
        assert 0 <= value < 1 << field.bits
    assert packet.l4 <= packet.payload <= len(frame)
    assert packet.l3 <= len(frame)
    assert parse(repr(packet)).values == packet.values
    after = rewrite(packet, REWRITES[packet.values[fields.DL_TYPE] == 0x86DD])
    assert after.values == decode(after.frame).values


@given(st.binary(min_size=14, max_size=90))
def test_any_bytes_decode(frame: bytes) -> None:
    check_sound(frame)


@given(st.randoms(use_true_random=False))
def test_mutated_frames_decode(rng: Random) -> None:
    check_sound(mutated(rng))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_million_mutated_frames_decode() -> None:
    rng = Random(20261130)  # noqa: S311 - a seed, not a secret
    for _ in range(1_000_000):
        check_sound(mutated(rng))


def test_equal_frames_are_equal_packets() -> None:
    one, other = decode(FRAMES[0]), decode(bytes(FRAMES[0]))
    assert (one == other, one != other, hash(one) == hash(other)) == (True, False, True)
    assert one != decode(FRAMES[1])
    assert mac_to_int("02:00:00:00:00:01") == one.values[fields.DL_SRC]
