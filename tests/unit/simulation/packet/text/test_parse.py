"""Text becomes packets that scapy understands, and packets become text."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.l2 import Ether

from midonet.events.errors import InvalidValue
from midonet.simulation.packet import fields as f
from midonet.simulation.packet.addresses import ip_to_int
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.packet import Packet
from midonet.simulation.packet.text import format_packet, parse

ENDS = "dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02"
LINK = ENDS + ",nw_src=10.0.0.1,nw_dst=10.0.0.2"
LINK6 = ENDS + ",ipv6_src=fd00::1,ipv6_dst=fd00::2"
QUOTED = "icmp_data_src=10.0.0.2,icmp_data_dst=10.0.0.1"
QUOTED6 = "icmp_data_src=fd00::2,icmp_data_dst=fd00::1"

CANONICAL = [
    f"tcp,{LINK},nw_ttl=64,tp_src=49152,tp_dst=443,tcp_flags=syn",
    f"tcp,dl_vlan=5,dl_vlan_pcp=3,inner_vlan_tci=0x1007,{LINK},nw_tos=8,nw_ttl=1,tp_src=1,tp_dst=2,tcp_flags=syn|ack|ns",
    f"tcp,{LINK},nw_ttl=64,tp_src=0,tp_dst=0,tcp_flags=fin|0xa00",
    f"tcp,{LINK},nw_ttl=64,tp_src=0,tp_dst=0,tcp_flags=0x0",
    f"udp,{LINK},nw_ttl=64,nw_frag=first,tp_src=1,tp_dst=2",
    f"udp,{LINK},nw_ttl=64,nw_frag=later",
    f"sctp,{LINK},nw_ttl=64,tp_src=1,tp_dst=2",
    f"icmp,{LINK},nw_ttl=64,icmp_type=8,icmp_code=0,icmp_id=7",
    f"icmp,{LINK},nw_ttl=64,icmp_type=13,icmp_code=0",
    f"icmp,{LINK},nw_ttl=64,icmp_type=3,icmp_code=1,{QUOTED},icmp_data_proto=6,icmp_data_tp_src=1,icmp_data_tp_dst=2",
    f"ip,{LINK},nw_proto=47,nw_ttl=64",
    f"tcp6,{LINK6},nw_ttl=64,tp_src=1,tp_dst=2,tcp_flags=syn",
    f"udp6,{LINK6},nw_ttl=64,nw_frag=first,tp_src=1,tp_dst=2",
    f"sctp6,{LINK6},nw_ttl=64,tp_src=1,tp_dst=2",
    f"icmp6,{LINK6},nw_ttl=64,icmp_type=128,icmp_code=0,icmp_id=7",
    f"icmp6,{LINK6},nw_ttl=255,icmp_type=135,icmp_code=0,nd_target=fd00::2,nd_link=02:00:00:00:00:01",
    f"icmp6,{LINK6},nw_ttl=64,icmp_type=1,icmp_code=4,{QUOTED6},icmp_data_proto=17,icmp_data_tp_src=1,icmp_data_tp_dst=2",
    f"ipv6,{LINK6},nw_proto=44,nw_ttl=64,nw_frag=later",
    f"ipv6,{LINK6},nw_proto=60,nw_ttl=64",
    f"arp,{ENDS},arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_sha=02:00:00:00:00:01,arp_tha=00:00:00:00:00:00",
    f"{ENDS},dl_type=0x88cc",
    f"{ENDS},dl_type=0x05ff",
    f"dl_vlan=0,inner_vlan_tci=0x1001,{ENDS},dl_type=0x8100",
    f"ip,{ENDS},truncated",
    f"ipv6,{ENDS},truncated",
]


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical_text_comes_back_the_same(text: str) -> None:
    assert format_packet(parse(text)) == repr(parse(text)) == text


@pytest.mark.parametrize("text", [text for text in CANONICAL if "truncated" not in text and "nw_frag" not in text])
def test_frames_have_right_checksums_and_lengths(text: str) -> None:
    frame = parse(text).frame
    packet: Any = Ether(frame)
    for layer in list(packet.iterpayloads()):
        for name in ("chksum", "cksum", "len", "plen"):
            if name in layer.fields and layer.name != "Padding":
                del layer.fields[name]
    assert bytes(packet) == frame


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("tcp,ip_dst=10.0.0.2,tp_dst=443", "tcp,nw_dst=10.0.0.2,tp_src=49152,tp_dst=443,tcp_flags=syn,nw_ttl=64"),
        ("tcp, ip_dst = 10.0.0.2", "ip,nw_proto=6,nw_dst=10.0.0.2,tp_dst=80"),
        ("ip4.dst=10.0.0.2,tcp.dst=80", "tcp,nw_dst=10.0.0.2,tp_dst=80"),
        ("eth.src=02:00:00:00:00:05,udp_dst=67", "udp,dl_src=2:0:0:0:0:5,tp_dst=67"),
        ("tcp,ip_dst=fd00::2", "tcp6,ipv6_dst=fd00::2"),
        ("udp,ip6.src=fd00::2,ip6.dst=fd00::3", "udp6,ipv6_src=fd00::2,ipv6_dst=fd00::3"),
        ("ip_src=10.0.0.1", "icmp,nw_src=10.0.0.1,icmp_type=8,icmp_code=0,icmp_id=1"),
        ("ip_src=fd00::1", "icmp6,ipv6_src=fd00::1,icmp_type=128,icmp_code=0,icmp_id=1"),
        ("icmp_type=0,ip_src=10.0.0.1", "icmp,nw_src=10.0.0.1,icmp_type=0"),
        ("arp_tpa=10.0.0.2", "arp,arp_op=1,arp_tpa=10.0.0.2,arp_sha=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff"),
        ("dl_type=0x0800,nw_dst=10.0.0.2,nw_proto=17,tp_dst=1", "udp,nw_dst=10.0.0.2,tp_dst=1"),
        ("tcp,tcp_flags=+syn+ack", "tcp,tcp_flags=0x12"),
        ("tcp,tcp_flags=+syn-ack", "tcp,tcp_flags=syn"),
        ("tcp,vlan_tci=0x7005", "tcp,dl_vlan=5,dl_vlan_pcp=3"),
        ("tcp,dl_vlan_pcp=3", "tcp,dl_vlan=0,dl_vlan_pcp=3"),
        ("tcp,vlan_tci=0", "tcp"),
        (
            "nd_target=fd00::2,nd_sll=02:00:00:00:00:01,icmp_type=135",
            "icmp6,icmp_type=135,nd_target=fd00::2,nd_link=2:0:0:0:0:1",
        ),
    ],
)
def test_texts_mean_the_same_packet(text: str, same: str) -> None:
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("", "packet", "a term is empty"),
        ("tcp,,tp_dst=1", "packet", "a term is empty"),
        ("dl_src=02:00:00:00:00:01", "packet", "names no protocol; begin with one of arp, ip"),
        ("tcpp", "tcpp", "unknown field or protocol; did you mean tcp"),
        ("tcp,ip_dest=10.0.0.1", "ip_dest", "did you mean ip_dst"),
        ("tcp,tp_dst", "tp_dst", "needs a value, as in tp_dst=…"),
        ("tcp=1", "tcp", "a protocol word has no value"),
        ("tcp,tp_dst=65536", "tp_dst", "'65536' is not a number from 0 to 65535"),
        ("tcp,tp_dst=-1", "tp_dst", "'-1' is not a number"),
        ("tcp,tp_dst=", "tp_dst", "'' is not a number"),
        ("tcp,nw_ttl=0x100", "nw_ttl", "not a number from 0 to 255"),
        ("tcp,dl_vlan=4096", "dl_vlan", "not a number from 0 to 4095"),
        ("tcp,vlan_tci=5", "vlan_tci", "use 0x1005"),
        ("dl_type=5", "dl_type", "not an ethertype"),
        ("tcp,dl_src=1:2", "dl_src", "not a MAC address"),
        ("tcp,ip_dst=10.0.0", "ip_dst", "not an IP address"),
        ("tcp,ip_dst=10.0.0.0/24", "ip_dst", "one address, without a mask"),
        ("tcp,ip_dst=fe80::1%eth0", "ip_dst", "not an IP address"),
        ("tcp,nw_frag=yes", "nw_frag", "not one of no, first, later"),
        ("tcp,tcp_flags=sin", "tcp_flags", "they are fin, syn"),
        ("ip,ip_dst=fd00::1", "ip_dst", "ip and ip_dst=fd00::1 are of different ethertypes; leave one out"),
        ("tcp6,ip_dst=10.0.0.1", "nw_dst", "10.0.0.1 is of another IP version"),
        ("tcp,ip_dst=fd00::1,ip_src=10.0.0.1", "nw_src", "10.0.0.1 is of another IP version"),
        ("icmp,icmp_type=3,icmp_data_src=fd00::1", "icmp_data_src", "leave one out"),
        ("icmp6,icmp_type=1,icmp_data_src=10.0.0.1", "icmp_data_src", "of another IP version"),
        ("ipv6_dst=10.0.0.1", "ipv6_dst", "10.0.0.1 is an IPv4 address, and the field is of IPv6"),
        ("ip4.dst=fd00::1", "ip4.dst", "is an IPv6 address, and the field is of IPv4"),
        ("tcp,udp", "udp", "tcp and udp are of different protocols"),
        ("tcp,udp_dst=5", "udp_dst", "tcp and udp_dst=5 are of different protocols"),
        ("arp,tcp", "tcp", "arp and tcp are of different ethertypes"),
        ("tcp,dl_type=0x88cc", "tcp", "dl_type=0x88cc and tcp are of different ethertypes"),
        ("arp,ip", "ip", "leave one out"),
        ("tcp,tp_dst=1,tp_dst=2", "tp_dst", "given twice"),
        ("tcp,tp_dst=1,tcp_dst=2", "tcp_dst", "given twice, as tp_dst too"),
        ("tcp,vlan_tci=0x1005,dl_vlan_pcp=3", "dl_vlan_pcp", "vlan_tci has the priority already"),
        ("tp_dst=80", "tp_dst", "only in tcp, udp or sctp"),
        ("icmp,tp_dst=80", "tp_dst", "ICMP has icmp_type and icmp_code"),
        ("tcp,icmp_type=8", "icmp_type", "different protocols"),
        ("tcp,nw_frag=later,tp_dst=80", "tp_dst", "not in later fragments"),
        ("udp,tcp_flags=syn", "tcp_flags", "different protocols"),
        ("icmp,icmp_type=3,icmp_id=5", "icmp_id", "only in echo messages"),
        ("icmp,icmp_data_src=10.0.0.1", "icmp_data_src", "only in ICMP errors"),
        ("icmp6,nd_target=fd00::1", "nd_target", "icmp_type=135 or 136"),
        ("icmp6,icmp_type=135,nd_sll=02:00:00:00:00:01", "nd_sll", "and nd_target"),
        ("arp,nw_ttl=3", "nw_ttl", "only in IP"),
        ("dl_type=0x88cc,nw_src=10.0.0.1", "nw_src", "only in IP and ARP"),
        ("tcp,inner_vlan_tci=0x1005", "inner_vlan_tci", "add dl_vlan"),
        ("ip,truncated,nw_ttl=5", "truncated", "leave out the others"),
    ],
)
def test_refusals_say_what_to_do(text: str, field: str, message: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse(text)
    assert message in refused.value.message
    assert refused.value.details["field"] == field
    assert refused.value.details["reason"]


def test_defaults_fill_what_goes_with_the_packet() -> None:
    defaults = {f.DL_SRC: 5, f.DL_DST: 6, f.NW_SRC: ip_to_int("10.0.0.1"), f.NW_DST: ip_to_int("10.0.0.9"), f.TP_DST: 8}
    values = parse("tcp,nw_dst=10.0.0.2", defaults).values
    assert (values[f.DL_SRC], values[f.DL_DST]) == (5, 6)
    assert (values[f.NW_SRC], values[f.NW_DST]) == (ip_to_int("10.0.0.1"), ip_to_int("10.0.0.2"))
    assert values[f.TP_DST] == 80
    six = parse("tcp,ip_dst=fd00::2", defaults).values
    assert (six[f.NW_SRC], six[f.DL_SRC]) == (f.IPV6, 5)
    assert parse("tp_dst=1,tcp", {f.NW_SRC: ip_to_int("fd00::1")}).values[f.DL_TYPE] == 0x86DD
    assert parse("dl_vlan=1", {f.DL_TYPE: 0x88CC}).values[f.DL_TYPE] == 0x88CC


def parsed(text: str) -> Packet | None:
    with suppress(InvalidValue):
        return parse(text)
    return None


@given(st.text(alphabet="tcpudi6,=_.:srv0x|+-%/ ", max_size=60) | st.text(max_size=20))
def test_any_text_parses_or_is_refused(text: str) -> None:
    packet = parsed(text)
    assert packet is None or decode(packet.frame) == packet


NAMES = [
    "tp_dst",
    "ip_dst",
    "icmp_type",
    "nd_target",
    "dl_vlan",
    "icmp_id",
    "arp_op",
    "tcp_flags",
    "nw_frag",
    "icmp_data_src",
]
VALUES = ["0", "3", "135", "0x1005", "fd00::1", "10.0.0.1", "later", "first", "syn|ack"]
TERMS = st.sampled_from(["tcp", "udp", "icmp", "icmp6", "ip", "ipv6", "arp", "truncated", "tcp6", "dl_type=0x8100"])
PAIRS = st.builds("{}={}".format, st.sampled_from(NAMES), st.sampled_from(VALUES))


@given(st.lists(TERMS | PAIRS, min_size=1, max_size=5).map(",".join))
def test_any_terms_parse_and_come_back(text: str) -> None:
    packet = parsed(text)
    assert packet is None or parse(format_packet(packet)).values == packet.values
