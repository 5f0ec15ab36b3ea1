"""Frames of every kind that has a decoder, as scapy builds them, and what may become of them on the way."""

from random import Random
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPerror, IPerror, UDPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6NDOptMTU,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
IP4 = IP(src="10.0.0.1", dst="10.0.0.2", tos=0x2A, ttl=17)
IP6 = IPv6(src="fd00::1", dst="fd00::2", tc=0x2A, hlim=17)


def _frames() -> list[bytes]:
    inside = [TCP(options=[("MSS", 1460)]), UDP() / b"data", SCTP() / SCTPChunkInit()]
    icmp = [ICMP(), ICMP(type=3) / IPerror(src="1.1.1.1") / UDPerror(), ICMP(type=11) / IPerror() / ICMPerror()]
    neighbour = ICMPv6ND_NS(tgt="fd00::9") / ICMPv6NDOptMTU() / ICMPv6NDOptSrcLLAddr()
    icmp6 = [ICMPv6EchoRequest(), ICMPv6DestUnreach() / IPv6() / IPv6ExtHdrHopByHop() / TCP(), neighbour]
    headers = IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=1) / AH(icv=bytes(12), payloadlen=4) / IPv6ExtHdrDestOpt()
    found: list[Any] = [IP4 / each for each in inside + icmp] + [IP6 / each for each in inside + icmp6]
    found += [IP6 / headers / each for each in inside + icmp6] + [ARP()]
    return [bytes(link / each) for each in found for link in (ETHER, ETHER / Dot1Q(vlan=3))]


FRAMES = _frames()


def mutated(rng: Random) -> bytes:
    """Return one of `FRAMES` with some bytes changed, and perhaps an end cut off or added."""
    frame = bytearray(rng.choice(FRAMES))
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        frame[rng.randrange(12, len(frame))] = rng.choice((0, 1, 0xFF, rng.randrange(256)))
    if rng.random() < 0.3:
        del frame[rng.randrange(14, len(frame)) :]
    return bytes(frame) + bytes(rng.choice((0, 0, 6)))
