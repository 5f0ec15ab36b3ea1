"""Messages of DHCPv6 clients that scapy builds, and answers that scapy reads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packet_checksums import recomputed
from scapy.layers.dhcp6 import (
    DUID_LL,
    DHCP6_Advertise,
    DHCP6_Confirm,
    DHCP6_InfoRequest,
    DHCP6_Rebind,
    DHCP6_RelayForward,
    DHCP6_Release,
    DHCP6_Renew,
    DHCP6_Reply,
    DHCP6_Request,
    DHCP6_Solicit,
    DHCP6OptClientId,
    DHCP6OptDNSServers,
    DHCP6OptIA_NA,
    DHCP6OptIAAddress,
    DHCP6OptOptReq,
    DHCP6OptRapidCommit,
    DHCP6OptServerId,
    DHCP6OptStatusCode,
)
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.build import dhcpv6_reply, parse_dhcpv6
from midonet.simulation.packet.build.dhcpv6 import server_duid
from midonet.simulation.packet.codec import decode

SERVER = (mac_to_int("02:00:00:00:00:09"), ip_to_int("fe80::9"))
ADDRESS = ip_to_int("fd00::7")
LINK = Ether(src="02:00:00:00:00:01", dst="33:33:00:01:00:02") / IPv6(src="fe80::1", dst="ff02::1:2")
UDP6 = LINK / UDP(sport=546, dport=547)
CLIENT = DHCP6OptClientId(duid=DUID_LL(lladdr="02:00:00:00:00:01"))
MINE = DHCP6OptServerId(duid=DUID_LL(lladdr="02:00:00:00:00:09"))
ASKED = DHCP6OptIA_NA(iaid=5)
CLAIMED = DHCP6OptIA_NA(iaid=5, ianaopts=[DHCP6OptIAAddress(addr="fd00::7")])


def answer(message: Any, address: int | None = ADDRESS, options: Any = ()) -> Any:
    packet = dhcpv6_reply(decode(bytes(UDP6 / message)), address, SERVER, options)
    assert packet is not None
    assert recomputed(packet.frame) == packet.frame
    return Ether(packet.frame)


def test_message_of_a_client_is_understood() -> None:
    frame = bytes(UDP6 / DHCP6_Request(trid=0xABC) / CLIENT / MINE / CLAIMED / DHCP6OptOptReq(reqopts=[23, 24]))
    found = parse_dhcpv6(decode(frame))
    assert found is not None
    assert (found.type, found.transaction, found.parameters) == (3, 0xABC, (23, 24))
    assert (found.client_id, found.server_id) == (bytes(CLIENT.duid), server_duid(SERVER[0]))
    assert [(one.id, one.addresses) for one in found.associations] == [(5, (ADDRESS,))]


def test_solicitation_gets_an_advertisement() -> None:
    dns = bytes(DHCP6OptDNSServers(dnsservers=["fd00::53"]))[4:]
    reply = answer(DHCP6_Solicit(trid=7) / CLIENT / ASKED, options=[(23, dns)])
    assert (reply.src, reply.dst, reply[IPv6].src, reply[IPv6].dst) == (
        "02:00:00:00:00:09",
        LINK.src,
        "fe80::9",
        "fe80::1",
    )
    assert (reply[UDP].sport, reply[UDP].dport, reply[DHCP6_Advertise].trid) == (547, 546, 7)
    assert (bytes(reply[DHCP6OptClientId]).startswith(bytes(CLIENT)), reply[DHCP6OptServerId].duid) == (True, MINE.duid)
    assert (reply[DHCP6OptIA_NA].iaid, reply[DHCP6OptIA_NA].ianaopts[0].addr) == (5, "fd00::7")
    assert reply[DHCP6OptDNSServers].dnsservers == ["fd00::53"]


@pytest.mark.parametrize("kind", [DHCP6_Request, DHCP6_Renew, DHCP6_Rebind])
def test_requests_get_a_reply_with_the_address(kind: Any) -> None:
    reply = answer(kind(trid=7) / CLIENT / CLAIMED)
    assert (reply[DHCP6_Reply].trid, reply[DHCP6OptIA_NA].ianaopts[0].addr) == (7, "fd00::7")


def test_rapid_commit_gets_a_reply_at_once() -> None:
    reply = answer(DHCP6_Solicit() / CLIENT / ASKED / DHCP6OptRapidCommit())
    assert reply.haslayer(DHCP6_Reply)
    assert reply.haslayer(DHCP6OptRapidCommit)


def test_confirmation_says_whether_the_address_holds() -> None:
    for address, status in ((ADDRESS, 0), (ip_to_int("fd00::8"), 4)):
        reply = answer(DHCP6_Confirm() / CLIENT / CLAIMED, address)
        assert (reply.haslayer(DHCP6_Reply), reply[DHCP6OptStatusCode].statuscode) == (True, status)


def test_other_messages_get_a_reply_without_address() -> None:
    assert not answer(DHCP6_InfoRequest() / CLIENT).haslayer(DHCP6OptIA_NA)
    assert answer(DHCP6_Release() / CLIENT / MINE / CLAIMED)[DHCP6OptStatusCode].statuscode == 0


def test_client_without_address_gets_a_status() -> None:
    reply = answer(DHCP6_Solicit() / CLIENT / ASKED / DHCP6OptIA_NA(iaid=6), None)
    assert reply[DHCP6OptIA_NA].ianaopts[0].statuscode == 2


def test_message_for_another_server_gets_no_answer() -> None:
    other = DHCP6OptServerId(duid=DUID_LL(lladdr="02:00:00:00:00:08"))
    assert dhcpv6_reply(decode(bytes(UDP6 / DHCP6_Request() / CLIENT / other)), ADDRESS, SERVER) is None


def test_other_packets_are_no_message() -> None:
    others = [UDP6 / DHCP6_RelayForward(), UDP6 / b"abc", LINK / UDP(sport=546, dport=5) / DHCP6_Solicit(), LINK]
    assert [parse_dhcpv6(decode(bytes(other))) for other in others] == [None] * len(others)


@given(st.binary(max_size=80))
def test_any_options_parse_and_are_answered(data: bytes) -> None:
    packet = decode(bytes(UDP6 / (bytes(DHCP6_Solicit()) + data)))
    found = parse_dhcpv6(packet)
    assert found is not None
    assert all(isinstance(one.id, int) for one in found.associations)
    assert found.parameters is not None
    assert dhcpv6_reply(packet, None, SERVER) is not None or found.server_id
