"""Random frames that scapy builds decode to what scapy wrote, and come back from their text."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from packet_checksums import recomputed
from packet_frames import ETHER
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.sctp import SCTP

from midonet.simulation.packet import fields as f
from midonet.simulation.packet.addresses import int_to_ip, int_to_mac
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.packet import Packet
from midonet.simulation.packet.rewrite import rewrite
from midonet.simulation.packet.text import format_packet, parse

BYTE, SHORT = st.integers(0, 0xFF), st.integers(0, 0xFFFF)
MAC = st.integers(0, (1 << 48) - 1).map(int_to_mac)
IP4 = st.integers(0, (1 << 32) - 1).map(int_to_ip)
IP6 = st.integers(0, (1 << 128) - 1).map(lambda number: int_to_ip(number | f.IPV6))
TAG = st.tuples(st.integers(0, 7), st.integers(0, 0xFFF))
PORTS = st.tuples(SHORT, SHORT)
TRANSPORT = st.builds(
    lambda kind, numbers: kind(sport=numbers[0], dport=numbers[1]), st.sampled_from([TCP, UDP, SCTP]), PORTS
)
PAYLOAD = st.binary(max_size=30)


def ports(values: Any) -> tuple[int, int]:
    return values[f.TP_SRC], values[f.TP_DST]


def check(packet: Packet) -> None:
    """Check what holds for every packet: the text comes back, and a rewritten frame has right checksums."""
    assert parse(format_packet(packet)).values == packet.values
    new = {f.NW_DST: packet.values[f.NW_SRC], f.NW_SRC: packet.values[f.NW_DST], f.TP_SRC: 7, f.ICMP_ID: 9, f.NW_TTL: 3}
    after = rewrite(packet, new)
    assert after.values == decode(after.frame).values
    assert after.frame == recomputed(after.frame)


@given(st.tuples(MAC, MAC), st.lists(TAG, max_size=2), st.integers(0x0600, 0xFFFF), PAYLOAD)
def test_links_decode(macs: tuple[str, str], tags: list[tuple[int, int]], kind: int, payload: bytes) -> None:
    kind = kind if kind not in (0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8) else 0x88CC
    frame: Any = Ether(src=macs[0], dst=macs[1], type=kind if not tags else 0x8100)
    for place, (priority, vlan) in enumerate(tags, 1):
        frame /= Dot1Q(prio=priority, vlan=vlan, type=kind if place == len(tags) else 0x8100)
    packet = decode(bytes(frame / payload))
    values = packet.values
    assert (int_to_mac(values[f.DL_SRC]), int_to_mac(values[f.DL_DST]), values[f.DL_TYPE]) == (*macs, kind)
    expected = [priority << 13 | 0x1000 | vlan for priority, vlan in tags]
    assert [values[f.VLAN], values[f.INNER_VLAN]] == [*expected, 0, 0][:2]
    assert (packet.payload_bytes, parse(format_packet(packet)).values) == (payload, values)


@given(st.tuples(MAC, MAC, IP4, IP4), st.integers(0, 0xFF))
def test_arp_decodes(addresses: tuple[str, str, str, str], operation: int) -> None:
    sha, tha, spa, tpa = addresses
    packet = decode(bytes(ETHER / ARP(op=operation, hwsrc=sha, hwdst=tha, psrc=spa, pdst=tpa)))
    values = packet.values
    assert (int_to_mac(values[f.ARP_SHA]), int_to_mac(values[f.ARP_THA])) == (sha, tha)
    assert (values[f.NW_PROTO], int_to_ip(values[f.NW_SRC]), int_to_ip(values[f.NW_DST])) == (operation, spa, tpa)
    assert parse(format_packet(packet)).values == values


@given(st.tuples(IP4, IP4), BYTE, BYTE, TRANSPORT, PAYLOAD)
def test_ip4_decodes(ends: tuple[str, str], tos: int, ttl: int, transport: Any, payload: bytes) -> None:
    header, numbers = IP(src=ends[0], dst=ends[1], tos=tos, ttl=ttl), (transport.sport, transport.dport)
    packet = decode(bytes(ETHER / header / transport / payload))
    values = packet.values
    assert (int_to_ip(values[f.NW_SRC]), int_to_ip(values[f.NW_DST])) == ends
    assert (values[f.NW_TOS], values[f.NW_TTL], ports(values), packet.payload_bytes) == (tos, ttl, numbers, payload)
    check(packet)


@given(st.tuples(IP6, IP6), BYTE, st.permutations(range(3)), TRANSPORT, PAYLOAD)
def test_ip6_decodes(ends: tuple[str, str], tc: int, order: list[int], transport: Any, payload: bytes) -> None:
    header: Any = IPv6(src=ends[0], dst=ends[1], tc=tc, hlim=tc)
    numbers = (transport.sport, transport.dport)
    extensions = [IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), IPv6ExtHdrFragment()]
    for place in order[: len(payload) % 4]:
        header /= extensions[place]
    packet = decode(bytes(ETHER / header / transport / payload))
    values = packet.values
    assert (int_to_ip(values[f.NW_SRC]), int_to_ip(values[f.NW_DST])) == ends
    assert (values[f.NW_TOS], values[f.NW_TTL], ports(values), packet.payload_bytes) == (tc, tc, numbers, payload)
    check(packet)


@given(st.booleans(), SHORT, SHORT, PAYLOAD)
def test_echo_messages_decode(six: bool, number: int, sequence: int, payload: bytes) -> None:  # noqa: FBT001 - drawn
    echo: Any = IPv6() / ICMPv6EchoRequest(id=number, seq=sequence) if six else IP() / ICMP(id=number, seq=sequence)
    packet = decode(bytes(ETHER / echo / payload))
    assert packet.values[f.ICMP_ID] == number
    assert packet.payload_bytes == payload
    check(packet)


@given(st.integers(0, 0xFFF), PORTS)
def test_tcp_flags_decode(flags: int, numbers: tuple[int, int]) -> None:
    segment = TCP(sport=numbers[0], dport=numbers[1], flags=flags & 0x1FF, reserved=flags >> 9)
    packet = decode(bytes(ETHER / IP() / segment))
    assert packet.values[f.TCP_FLAGS] == flags
    check(packet)
