"""Rewritten frames have the checksums that scapy computes from scratch."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packet_checksums import recomputed
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPerror, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit

from midonet.events.errors import InvalidValue
from midonet.simulation.packet import fields as f
from midonet.simulation.packet.addresses import ip_to_int
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.rewrite import pop_vlan, push_vlan, rewrite

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
IP4, IP6 = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="fd00::1", dst="fd00::2")
ADDRESSES4 = {f.NW_SRC: ip_to_int("192.0.2.1"), f.NW_DST: ip_to_int("255.254.1.0")}
ADDRESSES6 = {f.NW_SRC: ip_to_int("2001:db8::ffff:1"), f.NW_DST: ip_to_int("fe80::1")}
PORTS = {f.TP_SRC: 65535, f.TP_DST: 1}
ECHO = {f.ICMP_ID: 0xBEEF}
HEADER = {f.NW_TOS: 0xB9, f.NW_TTL: 3, f.DL_SRC: 0x020000000009, f.DL_DST: 0x01005E000001}
DATA = {f.DATA_TP_SRC: 4242, f.DATA_TP_DST: 4343}
DATA4 = {f.DATA_SRC: ip_to_int("203.0.113.7"), f.DATA_DST: ip_to_int("198.51.100.1"), **DATA}
DATA6 = {f.DATA_SRC: ip_to_int("2001:db8::7"), f.DATA_DST: ip_to_int("2001:db8::8"), **DATA}
PAYLOADS = st.binary(max_size=40)
INNER4, INNER6 = IPerror(src="10.0.0.2", dst="10.0.0.1"), IPv6(src="fd00::2", dst="fd00::1")

CASES: list[tuple[Any, Mapping[int, int]]] = [
    (IP4 / TCP(), ADDRESSES4 | PORTS),
    (IP4 / UDP(), ADDRESSES4 | PORTS),
    (IP4 / SCTP() / SCTPChunkInit(), ADDRESSES4 | PORTS),
    (IP4 / ICMP(id=3, seq=1), ADDRESSES4 | ECHO),
    (IP6 / TCP(), ADDRESSES6 | PORTS),
    (IP6 / UDP(), ADDRESSES6 | PORTS),
    (IP6 / IPv6ExtHdrDestOpt() / SCTP(), ADDRESSES6 | PORTS),
    (IP6 / ICMPv6EchoRequest(id=3), ADDRESSES6 | ECHO),
    (IP6 / IPv6ExtHdrRouting(addresses=["fd00::7"]) / UDP(), ADDRESSES6 | PORTS),
    (IP4 / ICMP(type=3, code=1) / INNER4 / UDPerror(sport=53, dport=5), ADDRESSES4 | DATA4),
    (IP4 / ICMP(type=11) / INNER4 / TCPerror(sport=53, dport=5), ADDRESSES4 | DATA4),
    (IP4 / ICMP(type=3, code=4) / INNER4 / ICMPerror(type=8, id=5), ADDRESSES4 | DATA4),
    (IP6 / ICMPv6DestUnreach() / INNER6 / UDP(sport=53, dport=5), ADDRESSES6 | DATA6),
    (IP6 / ICMPv6DestUnreach() / INNER6 / IPv6ExtHdrDestOpt() / TCP(sport=53, dport=5), ADDRESSES6 | DATA6),
    (IP6 / ICMPv6DestUnreach() / INNER6 / ICMPv6EchoRequest(id=5), ADDRESSES6 | DATA6),
]


def present(values: tuple[int, ...], changes: Mapping[int, int]) -> dict[int, int]:
    return {field: values[field] for field in changes}


@pytest.mark.parametrize(
    ("packet", "changes"), CASES, ids=lambda case: case.summary() if hasattr(case, "summary") else ""
)
@given(payload=PAYLOADS)
def test_checksums_are_those_of_a_new_packet(packet: Any, changes: Mapping[int, int], payload: bytes) -> None:
    before = decode(bytes(ETHER / packet / payload))
    changes = {**changes, **HEADER}
    after = rewrite(before, changes)
    expected = dict(changes)
    if before.values[f.DATA_PROTO] in (1, 58):
        expected[f.DATA_TP_DST] = 0  # an echo message has one number
    assert present(after.values, changes) == expected
    assert after.values == decode(after.frame).values
    assert after.frame == recomputed(after.frame)
    assert rewrite(after, present(before.values, changes)) == before


def test_missing_checksum_of_udp_stays_missing() -> None:
    before = decode(bytes(ETHER / IP4 / UDP(chksum=0) / b"data"))
    assert Ether(rewrite(before, ADDRESSES4 | PORTS).frame)[UDP].chksum == 0


@pytest.mark.parametrize("port", range(0xFFFF - 40, 0x10000))
def test_checksum_of_udp_never_becomes_zero(port: int) -> None:
    payload = (0x10000 - 30).to_bytes(2, "big")
    for address in (ADDRESSES4, {}):
        after = rewrite(decode(bytes(ETHER / IP4 / UDP() / payload)), {**address, f.TP_SRC: port})
        assert Ether(after.frame)[UDP].chksum != 0
        assert after.frame == recomputed(after.frame)


def test_every_port_gives_the_checksum_of_a_new_packet() -> None:
    before = decode(bytes(ETHER / IP4 / UDP(sport=0, dport=0)))
    zero = next(port for port in range(0x10000) if rewrite(before, {f.TP_SRC: port}).frame[40:42] == b"\xff\xff")
    after = rewrite(before, {f.TP_SRC: zero})
    assert after.frame == recomputed(after.frame)


def test_fragments_together_are_the_rewritten_packet() -> None:
    whole = IP4 / UDP(sport=1, dport=2) / bytes(range(64))
    data = bytes(IP(bytes(whole)).payload)
    first = IP(src=IP4.src, dst=IP4.dst, proto=17, flags="MF") / data[:40]
    later = IP(src=IP4.src, dst=IP4.dst, proto=17, frag=5) / data[40:]
    changes = ADDRESSES4 | PORTS
    parts = [Ether(rewrite(decode(bytes(ETHER / part)), changes).frame)[IP] for part in (first, later)]
    expected = Ether(rewrite(decode(bytes(ETHER / whole)), changes).frame)[IP]
    assert b"".join(bytes(part.payload) for part in parts) == bytes(expected.payload)
    assert [part.dst for part in parts] == ["255.254.1.0"] * 2


def test_truncated_packet_keeps_its_checksum_right() -> None:
    whole = bytes(ETHER / IP4 / TCP() / bytes(100))
    changes = ADDRESSES4 | PORTS
    assert rewrite(decode(whole[:70]), changes).frame == rewrite(decode(whole), changes).frame[:70]
    sctp = bytes(ETHER / IP4 / SCTP() / SCTPChunkInit() / bytes(100))
    assert rewrite(decode(sctp[:70]), changes).frame == rewrite(decode(sctp), changes).frame[:70]


def test_first_fragment_of_sctp_keeps_its_checksum() -> None:
    for packet in (IP(flags="MF") / SCTP(chksum=7), IP6 / IPv6ExtHdrFragment(m=1) / SCTP(chksum=7)):
        after = rewrite(decode(bytes(ETHER / packet)), PORTS)
        assert (Ether(after.frame)[SCTP].sport, Ether(after.frame)[SCTP].chksum) == (65535, 7)


def test_quote_of_eight_bytes_is_rewritten() -> None:
    quote = bytes(INNER4 / TCPerror(sport=53, dport=5))[:28]
    after = rewrite(decode(bytes(ETHER / IP4 / ICMP(type=3) / quote)), DATA4)
    assert present(after.values, DATA4) == DATA4
    assert after.frame == recomputed(after.frame)


def test_fields_of_arp_are_set() -> None:
    changes = {f.NW_PROTO: 2, f.ARP_SHA: 5, f.ARP_THA: 6, **ADDRESSES4}
    assert present(rewrite(decode(bytes(ETHER / ARP())), changes).values, changes) == changes
    other = decode(bytes(ETHER / ARP(hwtype=6)))
    assert rewrite(other, changes) == other


def test_fields_that_are_absent_are_left_out() -> None:
    for packet in (ETHER / b"data", ETHER / IP(ihl=3), ETHER / IP4 / bytes(3)):
        before = decode(bytes(packet))
        assert rewrite(before, PORTS | ECHO | DATA4 | {f.NW_PROTO: 6}) == before


def test_other_fields_and_ip_versions_are_refused() -> None:
    packet = decode(bytes(ETHER / IP4 / UDP()))
    for changes in ({f.DL_TYPE: 1}, {f.TP_SRC: 1 << 16}, ADDRESSES6):
        with pytest.raises(InvalidValue):
            rewrite(packet, changes)


def test_tags_are_pushed_replaced_and_popped() -> None:
    plain = decode(bytes(ETHER / IP4 / UDP()))
    once = rewrite(plain, {f.VLAN: 0x1005})
    assert once.frame == bytes(ETHER / Dot1Q(vlan=5) / IP4 / UDP())
    assert rewrite(once, {f.VLAN: 0x7006}).frame == bytes(ETHER / Dot1Q(vlan=6, prio=3) / IP4 / UDP())
    assert rewrite(once, {f.VLAN: 0}) == pop_vlan(once) == pop_vlan(plain) == plain
    twice = push_vlan(once, 9, 0x88A8)
    assert (twice.values[f.VLAN], twice.values[f.INNER_VLAN]) == (0x1009, 0x1005)
    assert pop_vlan(twice) == once


def test_address_and_tag_change_together() -> None:
    after = rewrite(decode(bytes(ETHER / IP4 / UDP())), {f.VLAN: 0x1005, **ADDRESSES4, **PORTS})
    assert after.frame == recomputed(bytes(ETHER / Dot1Q(vlan=5) / IP(bytes(after.frame[18:]))))
