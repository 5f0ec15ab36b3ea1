"""Neighbour discovery, as scapy reads it."""

from typing import Any

from packet_checksums import recomputed
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import Ether

from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.build import neighbour_advertisement, neighbour_solicitation
from midonet.simulation.packet.codec import decode

MAC = mac_to_int("02:00:00:00:00:09")
TARGET = ip_to_int("fd00::12:3456")


def test_solicitation_goes_to_the_solicited_node() -> None:
    packet = neighbour_solicitation(MAC, ip_to_int("fd00::9"), TARGET)
    asked: Any = Ether(packet.frame)
    assert (asked.dst, asked[IPv6].dst, asked[IPv6].hlim) == ("33:33:ff:12:34:56", "ff02::1:ff12:3456", 255)
    assert (asked[IPv6].src, asked[ICMPv6ND_NS].tgt) == ("fd00::9", "fd00::12:3456")
    assert asked[ICMPv6NDOptSrcLLAddr].lladdr == "02:00:00:00:00:09"
    assert recomputed(packet.frame) == packet.frame


def test_advertisement_answers_the_solicitation() -> None:
    packet = neighbour_advertisement(neighbour_solicitation(1, ip_to_int("fd00::9"), TARGET), MAC)
    answer: Any = Ether(packet.frame)
    assert (answer.dst, answer[IPv6].src, answer[IPv6].dst) == ("00:00:00:00:00:01", "fd00::12:3456", "fd00::9")
    assert (answer[ICMPv6ND_NA].R, answer[ICMPv6ND_NA].S, answer[ICMPv6ND_NA].O) == (1, 1, 1)
    assert (answer[ICMPv6ND_NA].tgt, answer[ICMPv6NDOptDstLLAddr].lladdr) == ("fd00::12:3456", "02:00:00:00:00:09")
    assert answer[IPv6].hlim == 255
    assert recomputed(packet.frame) == packet.frame


def test_search_for_duplicates_is_answered_to_all() -> None:
    solicitation = (
        Ether(src="02:00:00:00:00:01", dst="33:33:ff:12:34:56")
        / IPv6(src="::", dst="ff02::1:ff12:3456")
        / ICMPv6ND_NS(tgt="fd00::5")
    )
    answer: Any = Ether(neighbour_advertisement(decode(bytes(solicitation)), MAC, router=False).frame)
    assert (answer.dst, answer[IPv6].dst, answer[IPv6].src) == ("33:33:00:00:00:01", "ff02::1", "fd00::5")
    assert (answer[ICMPv6ND_NA].R, answer[ICMPv6ND_NA].S) == (0, 0)
