"""Requests and answers of ARP, as scapy reads them."""

from scapy.layers.l2 import ARP, Dot1Q, Ether

from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.build import arp_reply, arp_request
from midonet.simulation.packet.codec import decode

MAC = mac_to_int("02:00:00:00:00:09")


def test_request_asks_all_stations() -> None:
    packet = Ether(arp_request(MAC, ip_to_int("10.0.0.1"), ip_to_int("10.0.0.2")).frame)
    arp = ARP(hwsrc="02:00:00:00:00:09", psrc="10.0.0.1", pdst="10.0.0.2", hwdst="00:00:00:00:00:00")
    assert packet == Ether(bytes(Ether(src="02:00:00:00:00:09", dst="ff:ff:ff:ff:ff:ff") / arp))


def test_request_has_a_tag_if_wanted() -> None:
    packet = Ether(arp_request(MAC, 1, 2, vlan=0x1005).frame)
    assert (packet[Dot1Q].vlan, packet[ARP].op) == (5, 1)


def test_reply_goes_to_the_sender_with_its_tag() -> None:
    asked = ARP(hwsrc="02:00:00:00:00:01", psrc="10.0.0.1", pdst="10.0.0.2")
    request = Ether(src="02:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=7) / asked
    packet = Ether(arp_reply(decode(bytes(request)), MAC).frame)
    arp = ARP(op=2, hwsrc="02:00:00:00:00:09", psrc="10.0.0.2", hwdst="02:00:00:00:00:01", pdst="10.0.0.1")
    assert packet == Ether(bytes(Ether(src="02:00:00:00:00:09", dst="02:00:00:00:00:01") / Dot1Q(vlan=7) / arp))
