"""Echo replies and errors, as scapy reads them, and when errors may be sent."""

from typing import Any

import pytest
from packet_checksums import recomputed
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_Redirect,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrFragment,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether

from midonet.simulation.packet import fields as f
from midonet.simulation.packet.addresses import int_to_ip, ip_to_int, mac_to_int
from midonet.simulation.packet.build import echo_reply, icmp_error, may_answer_with_error
from midonet.simulation.packet.codec import decode

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
IP4, IP6 = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="fd00::1", dst="fd00::2")
ROUTER = mac_to_int("02:00:00:00:00:09")


def test_echo_request_is_answered() -> None:
    request = ETHER / Dot1Q(vlan=3) / IP4 / ICMP(id=7, seq=9) / b"payload"
    reply: Any = Ether(echo_reply(decode(bytes(request) + bytes(5))).frame)
    assert (reply.src, reply.dst, reply[Dot1Q].vlan) == ("02:00:00:00:00:02", "02:00:00:00:00:01", 3)
    assert (reply[IP].src, reply[IP].dst, reply[IP].ttl) == ("10.0.0.2", "10.0.0.1", 64)
    assert (reply[ICMP].type, reply[ICMP].id, reply[ICMP].seq) == (0, 7, 9)
    assert bytes(reply[ICMP].payload) == b"payload"
    assert recomputed(bytes(reply)) == bytes(reply)


def test_echo_request_of_ipv6_is_answered() -> None:
    reply: Any = Ether(echo_reply(decode(bytes(ETHER / IP6 / ICMPv6EchoRequest(id=7, seq=9, data=b"odd")))).frame)
    answer = reply[ICMPv6EchoReply]
    assert (reply[IPv6].src, reply[IPv6].dst, answer.id, answer.seq, answer.data) == (
        "fd00::2",
        "fd00::1",
        7,
        9,
        b"odd",
    )
    assert recomputed(bytes(reply)) == bytes(reply)


def test_checksum_of_an_empty_echo_is_not_zero() -> None:
    reply: Any = Ether(echo_reply(decode(bytes(ETHER / IP4 / ICMP(id=0, seq=0)))).frame)
    assert reply[ICMP].chksum == 0xFFFF


def test_error_quotes_as_much_as_fits() -> None:
    request = ETHER / Dot1Q(vlan=3) / IP4 / UDP(sport=5, dport=53) / bytes(1000)
    packet = icmp_error(decode(bytes(request)), 3, 4, ip_to_int("10.0.0.254"), ROUTER, mtu=1450)
    error: Any = Ether(packet.frame)
    assert (error.src, error.dst, error[Dot1Q].vlan) == ("02:00:00:00:00:09", "02:00:00:00:00:01", 3)
    assert (error[IP].src, error[IP].dst, error[IP].len, error[IP].tos) == ("10.0.0.254", "10.0.0.1", 576, 0xC0)
    assert (error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu) == (3, 4, 1450)
    assert bytes(error[IPerror])[:28] == bytes(request[IP])[:28]
    assert packet.values[f.DATA_TP_DST] == 53
    assert recomputed(packet.frame)[:42] == packet.frame[:42]


def test_error_quotes_no_padding() -> None:
    packet = icmp_error(decode(bytes(ETHER / IP4 / UDP()) + bytes(18)), 11, 0, 1, ROUTER)
    assert len(packet.payload_bytes) == 28


def test_error_of_ipv6_fits_the_least_mtu() -> None:
    request = ETHER / IP6 / UDP(sport=5, dport=53) / bytes(1400)
    packet = icmp_error(decode(bytes(request)), 2, 0, ip_to_int("fd00::fe"), ROUTER, mtu=1400)
    error: Any = Ether(packet.frame)
    assert (error[IPv6].src, error[IPv6].plen, error[ICMPv6PacketTooBig].mtu) == ("fd00::fe", 1240, 1400)
    assert error[ICMPv6PacketTooBig].cksum == Ether(recomputed(packet.frame))[ICMPv6PacketTooBig].cksum
    assert packet.values[f.DATA_TP_DST] == 53


MAY = [ETHER / IP4 / UDP(), ETHER / IP4 / ICMP(), ETHER / IP6 / TCP(), ETHER / IP6 / ICMPv6EchoRequest()]
MAY += [ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="MF") / UDP(), ETHER / IP4 / bytes(3)]
MAY_NOT: list[Any] = [
    ETHER / ARP(),
    ETHER / IP(ihl=3),
    ETHER / IP4 / ICMP(type=3) / IPerror() / bytes(8),
    ETHER / IP4 / ICMP(type=5) / IPerror() / bytes(8),
    ETHER / IP(src="10.0.0.1", proto=1) / b"cut",
    ETHER / IP(src="10.0.0.1", frag=8) / bytes(8),
    ETHER / IP(src="10.0.0.1", dst="224.0.0.1") / UDP(),
    ETHER / IP(src="10.0.0.1", dst="255.255.255.255") / UDP(),
    ETHER / IP(src="0.1.2.3", dst="10.0.0.2") / UDP(),
    ETHER / IP(src=int_to_ip(0), dst="10.0.0.2") / UDP(),
    ETHER / IP(src="127.0.0.1", dst="10.0.0.2") / UDP(),
    ETHER / IP(src="224.0.0.1", dst="10.0.0.2") / UDP(),
    Ether(src=ETHER.src, dst="ff:ff:ff:ff:ff:ff") / IP4 / UDP(),
    Ether(src=ETHER.src, dst="01:00:5e:00:00:01") / IP4 / UDP(),
    ETHER / IP6 / ICMPv6DestUnreach() / IP6 / UDP(),
    ETHER / IP6 / ICMPv6ND_Redirect(),
    ETHER / IP6 / IPv6ExtHdrFragment(offset=1, nh=17) / bytes(8),
    ETHER / IPv6(src="fd00::1", dst="ff02::1") / UDP(),
    ETHER / IPv6(src="::", dst="fd00::2") / UDP(),
    ETHER / IPv6(src="ff02::1", dst="fd00::2") / UDP(),
]


@pytest.mark.parametrize("packet", MAY, ids=lambda packet: packet.summary())
def test_error_may_be_sent(packet: Any) -> None:
    assert may_answer_with_error(decode(bytes(packet)))


@pytest.mark.parametrize("packet", MAY_NOT, ids=lambda packet: packet.summary())
def test_error_may_not_be_sent(packet: Any) -> None:
    assert not may_answer_with_error(decode(bytes(packet)))
