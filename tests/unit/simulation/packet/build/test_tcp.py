"""Resets, as scapy reads them."""

from typing import Any

import pytest
from packet_checksums import recomputed
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from midonet.simulation.packet.build import may_answer_with_reset, tcp_reset
from midonet.simulation.packet.codec import decode

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
IPS = [IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="fd00::1", dst="fd00::2")]


@pytest.mark.parametrize("ip", IPS, ids=["ip4", "ip6"])
@pytest.mark.parametrize(
    ("segment", "flags", "sequence", "acknowledgement"),
    [
        (TCP(flags="S", seq=0xFFFFFFFF), "RA", 0, 0),
        (TCP(flags="F", seq=9) / b"four", "RA", 0, 14),
        (TCP(flags="A", seq=9, ack=77) / b"four", "R", 77, 0),
    ],
)
def test_reset_acknowledges_what_came(ip: Any, segment: Any, flags: str, sequence: int, acknowledgement: int) -> None:
    segment = segment.copy()
    segment.sport, segment.dport = 5, 80
    reset: Any = Ether(tcp_reset(decode(bytes(ETHER / ip / segment))).frame)
    tcp = reset[TCP]
    assert (reset.src, reset.dst, tcp.sport, tcp.dport) == (ETHER.dst, ETHER.src, 80, 5)
    assert (reset[type(ip)].src, reset[type(ip)].dst) == (ip.dst, ip.src)
    assert (tcp.flags, tcp.seq, tcp.ack) == (flags, sequence, acknowledgement)
    assert recomputed(bytes(reset)) == bytes(reset)


def test_resets_are_never_answered() -> None:
    may = [may_answer_with_reset(decode(bytes(ETHER / IPS[0] / each))) for each in (TCP(), TCP(flags="RA"), UDP())]
    assert may == [True, False, False]
