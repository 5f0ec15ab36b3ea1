"""DHCP and DHCPv6 answers of bridges: offer, acknowledgement, refusal, options (MDTS test_bridge, dhcp)."""

import struct

import pytest
from simulated import Simulated

from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.build.dhcp import ACK, NAK, OFFER, DhcpMessage, parse_dhcp
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.compose import Ip, Link, ip_frame, udp
from midonet.simulation.packet.packet import Packet

NET = """
- kind: bridge
  name: b
  ports: [{name: p1, host: h, interface: e1}, {name: p2, host: h, interface: e2}]
  dhcp_subnets:
    - subnet: 10.0.0.0/24
      gateway: 10.0.0.1
      server_address: 10.0.0.254
      dns_servers: [10.0.0.53, 10.0.1.53]
      interface_mtu: 1450
      routes: [{destination: 10.9.0.0/16, gateway: 10.0.0.9}]
      hosts:
        - mac: "02:00:00:00:00:01"
          address: 10.0.0.7
          name: web
          options: [{name: domain-name, value: example.org}, {name: "42", value: "10.0.0.3, 10.0.0.4"}]
"""
CLIENT = mac_to_int("02:00:00:00:00:01")


def message(kind: int, mac: int = CLIENT, requested: str | None = None) -> Packet:
    """Return what a client broadcasts."""
    options = b"\x35\x01" + bytes((kind,))
    if requested is not None:
        options += b"\x32\x04" + ip_to_int(requested).to_bytes(4, "big")
    fixed = struct.pack(">BBBBIHHIIII6s10x", 1, 1, 6, 0, 7, 0, 0, 0, 0, 0, 0, mac.to_bytes(6, "big"))
    data = (fixed + bytes(192) + b"\x63\x82\x53\x63" + options + b"\xff").ljust(300, b"\0")
    return decode(ip_frame(Link(mac, (1 << 48) - 1, []), Ip(0, 0xFFFFFFFF, 17), udp(68, 67, data)))


def answered(net: Simulated, packet: Packet) -> DhcpMessage:
    """Return the answer, which leaves where the request came in."""
    result = net.send("p1", packet)
    assert (result.verdict, result.outputs) == ("consume", ())
    found = parse_dhcp(net.answers(result)["p1"])
    assert found is not None
    return found


def test_discover_is_offered_address_and_options() -> None:
    offer = answered(Simulated(NET), message(1))
    assert (offer.type, offer.yiaddr, offer.server) == (OFFER, ip_to_int("10.0.0.7"), ip_to_int("10.0.0.254"))
    options = offer.options
    assert options[1] == bytes((255, 255, 255, 0))
    assert options[3] == bytes((10, 0, 0, 1))
    assert options[6] == bytes((10, 0, 0, 53, 10, 0, 1, 53))
    assert options[26] == (1450).to_bytes(2, "big")
    assert options[121] == bytes((16, 10, 9, 10, 0, 0, 9))
    assert (options[12], options[15]) == (b"web", b"example.org")
    assert options[42] == bytes((10, 0, 0, 3, 10, 0, 0, 4))


@pytest.mark.parametrize(("requested", "kind"), [("10.0.0.7", ACK), (None, ACK), ("10.0.0.8", NAK)])
def test_request_is_acknowledged_or_refused(requested: str | None, kind: int) -> None:
    assert answered(Simulated(NET), message(3, requested=requested)).type == kind


def test_inform_gets_options_without_lease() -> None:
    answer = answered(Simulated(NET), message(8))
    assert (answer.type, answer.yiaddr, 51 in answer.options) == (ACK, 0, False)


def test_unknown_client_is_flooded() -> None:
    net = Simulated(NET)
    assert set(net.arrivals(net.send("p1", message(1, CLIENT + 1)))) == {"p2"}


def test_disabled_subnet_answers_nobody() -> None:
    net = Simulated(NET.replace("subnet: 10.0.0.0/24", "subnet: 10.0.0.0/24\n      enabled: false"))
    assert set(net.arrivals(net.send("p1", message(1)))) == {"p2"}


DUID = "00:03:00:01:02:00:00:00:00:01"
NET_6 = f"""
- kind: bridge
  name: b
  ports: [{{name: p1, host: h, interface: e1}}, {{name: p2, host: h, interface: e2}}]
  dhcpv6_subnets: [{{subnet: "fd00::/64", hosts: [{{client_id: "{DUID}", address: "fd00::7"}}]}}]
"""


def test_dhcpv6_client_gets_its_address() -> None:
    duid = bytes.fromhex(DUID.replace(":", ""))
    option = b"\0\x01" + len(duid).to_bytes(2, "big") + duid
    association = b"\0\x03\0\x0c" + bytes(12)
    source, target = ip_to_int("fe80::1"), ip_to_int("ff02::1:2")
    link = Link(CLIENT, mac_to_int("33:33:00:01:00:02"), [])
    solicit = decode(ip_frame(link, Ip(source, target, 17), udp(546, 547, b"\x01\0\0\x07" + option + association)))
    net = Simulated(NET_6)
    result = net.send("p1", solicit)
    assert result.verdict == "consume"
    answer = net.answers(result)["p1"]
    assert answer.payload_bytes[0] == 2, "advertise"
    assert ip_to_int("fd00::7") & (1 << 128) - 1 == int.from_bytes(
        answer.payload_bytes[answer.payload_bytes.index(b"\0\x05\0\x18") + 4 :][:16], "big"
    )
