"""Messages of DHCP clients that scapy builds, and answers that scapy reads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packet_checksums import recomputed
from packet_frames import ETHER
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from midonet.events.errors import InvalidValue
from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.build import dhcp_reply, parse_dhcp
from midonet.simulation.packet.build.dhcp import ACK, DISCOVER, NAK, OFFER
from midonet.simulation.packet.codec import decode

CLIENT = mac_to_int("02:00:00:00:00:01")
SERVER = (mac_to_int("02:00:00:00:00:09"), ip_to_int("10.0.0.1"))
ADDRESS = ip_to_int("10.0.0.7")
NOWHERE = "0.0.0.0"  # noqa: S104 - the address of a client that has none
HARDWARE = bytes.fromhex("020000000001") + bytes(10)


def message(*options: Any, **fields: Any) -> bytes:
    """Return the frame of a client's message."""
    ether = Ether(src="02:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff")
    udp = IP(src=NOWHERE, dst="255.255.255.255") / UDP(sport=68, dport=67)
    bootp = BOOTP(chaddr=HARDWARE, xid=0xABCD, **fields)
    return bytes(ether / udp / bootp / DHCP(options=[*options, "end"]))


DISCOVERED = message(("message-type", "discover"), ("param_req_list", [1, 3, 6]))


def answer(frame: bytes, kind: int = OFFER, address: int = ADDRESS, options: Any = ()) -> Any:
    packet = dhcp_reply(decode(frame), kind, address, SERVER, options)
    assert recomputed(packet.frame) == packet.frame
    return Ether(packet.frame)


def test_message_of_a_client_is_understood() -> None:
    options = [("requested_addr", "10.0.0.7"), ("server_id", "10.0.0.1"), ("client_id", b"\x01abc"), ("pad")]
    frame = message(
        ("message-type", "request"), *options, ("param_req_list", [1, 121]), flags=0x8000, giaddr="10.9.9.9"
    )
    found = parse_dhcp(decode(frame))
    assert found is not None
    assert (found.op, found.xid, found.flags, found.chaddr, found.type) == (1, 0xABCD, 0x8000, CLIENT, 3)
    assert (found.requested, found.server, found.giaddr) == (ADDRESS, SERVER[1], ip_to_int("10.9.9.9"))
    assert (found.parameters, found.client_id) == ((1, 121), b"\x01abc")


def test_missing_options_are_empty() -> None:
    found = parse_dhcp(decode(message()))
    assert found is not None
    assert (found.type, found.requested, found.server, found.parameters, found.client_id) == (0, 0, 0, (), b"")


def test_options_may_be_in_file_and_server_name() -> None:
    frame = message(
        ("message-type", "discover"), (52, b"\x03"), file=b"\x32\x04\x0a\0\0\x07\xff", sname=b"\x3d\x02ab\xff"
    )
    found = parse_dhcp(decode(frame))
    assert found is not None
    assert (found.requested, found.client_id) == (ADDRESS, b"ab")


def test_other_packets_are_no_message() -> None:
    ether = ETHER / IP() / UDP(sport=68, dport=67)
    others: list[Any] = [ETHER / IP() / UDP(sport=1, dport=67) / BOOTP() / DHCP(), ether / b"short", ETHER / IP()]
    others += [ether / BOOTP(chaddr=HARDWARE, options=b""), ether / BOOTP(hlen=8) / DHCP(options=["end"])]
    others += [ETHER / IP(flags="MF") / UDP(sport=68, dport=67) / BOOTP() / DHCP(options=["end"])]
    assert [parse_dhcp(decode(bytes(other))) for other in others] == [None] * len(others)
    with pytest.raises(InvalidValue, match="no DHCP message"):
        dhcp_reply(decode(bytes(others[0])), OFFER, ADDRESS, SERVER)


def test_offer_goes_to_the_address_offered() -> None:
    options = [(1, b"\xff\xff\xff\0"), (3, SERVER[1].to_bytes(4, "big")), (51, (3600).to_bytes(4, "big"))]
    offer = answer(DISCOVERED, options=options)
    assert (offer.src, offer.dst) == ("02:00:00:00:00:09", "02:00:00:00:00:01")
    assert (offer[IP].src, offer[IP].dst, offer[UDP].sport, offer[UDP].dport) == ("10.0.0.1", "10.0.0.7", 67, 68)
    assert (offer[BOOTP].op, offer[BOOTP].xid, offer[BOOTP].yiaddr) == (2, 0xABCD, "10.0.0.7")
    assert offer[BOOTP].chaddr == HARDWARE
    assert offer[DHCP].options[:5] == [
        ("message-type", 2),
        ("server_id", "10.0.0.1"),
        ("subnet_mask", "255.255.255.0"),
        ("router", "10.0.0.1"),
        ("lease_time", 3600),
    ]
    assert len(offer[UDP]) == 308


def test_answer_has_the_tag_of_the_request() -> None:
    tagged = Ether(DISCOVERED)
    frame = bytes(Ether(src=tagged.src, dst=tagged.dst) / Dot1Q(vlan=9) / tagged.payload)
    assert answer(frame)[Dot1Q].vlan == 9


def test_answer_goes_where_the_client_listens() -> None:
    discover = ("message-type", "discover")
    assert answer(message(discover, flags=0x8000))[IP].dst == "255.255.255.255"
    assert answer(message(discover, ciaddr="10.0.0.6"), ACK)[IP].dst == "10.0.0.6"
    assert answer(message(discover, ciaddr="10.0.0.6"), ACK)[BOOTP].ciaddr == "10.0.0.6"
    relayed = answer(message(discover, giaddr="10.9.9.9"))
    assert (relayed[IP].dst, relayed[UDP].dport, relayed[BOOTP].giaddr) == ("10.9.9.9", 67, "10.9.9.9")


def test_refusal_is_broadcast_without_addresses() -> None:
    refusal = answer(message(("message-type", "request"), ciaddr="10.0.0.6"), NAK)
    assert (refusal[IP].dst, refusal.dst) == ("255.255.255.255", "ff:ff:ff:ff:ff:ff")
    assert (refusal[BOOTP].ciaddr, refusal[BOOTP].yiaddr, refusal[BOOTP].siaddr) == (NOWHERE,) * 3


def test_identifier_and_relay_option_come_back() -> None:
    frame = message(("message-type", "discover"), ("client_id", b"abc"), (82, b"\x01\x01x"))
    found = parse_dhcp(dhcp_reply(decode(frame), OFFER, ADDRESS, SERVER))
    assert found is not None
    assert (found.options[61], found.options[82], found.type) == (b"abc", b"\x01\x01x", OFFER)


def test_long_options_are_split_and_joined() -> None:
    found = parse_dhcp(dhcp_reply(decode(DISCOVERED), OFFER, ADDRESS, SERVER, [(121, bytes(600)), (80, b"")]))
    assert found is not None
    assert (found.options[121], found.options[80]) == (bytes(600), b"")


@given(st.binary(max_size=80))
def test_any_options_parse(data: bytes) -> None:
    frame = decode(message(("message-type", "discover"))[:282] + data)
    whole = bytes(Ether(frame.frame[:14]) / IP(src=NOWHERE) / UDP(sport=68, dport=67) / frame.frame[42:])
    found = parse_dhcp(decode(whole))
    assert found is not None
    assert found.type in range(256)
    assert found.op == 1
    assert DISCOVER == 1
