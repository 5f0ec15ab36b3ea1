"""Bridges: forwarding, flooding, VLANs, answers for known neighbours, marks (MidoNet's bridge; MDTS test_bridge)."""

import pytest
from simulated import Simulated

from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.fields import ARP_SHA, DL_DST, DL_SRC, NW_TOS, VLAN
from midonet.simulation.result import LearnedMac

BRIDGE = """
- kind: bridge
  name: b
  ports:
    - {name: p1, host: h, interface: e1}
    - {name: p2, host: h, interface: e2}
    - {name: p3, host: h, interface: e3}
  macs: [{mac: "02:00:00:00:00:02", port: p2}]
  arps: [{ip: 10.0.0.3, mac: "02:00:00:00:00:03"}]
"""
KNOWN = "udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=9"
UNKNOWN = KNOWN.replace("dl_dst=02:00:00:00:00:02", "dl_dst=02:00:00:00:00:09")
BROADCAST = KNOWN.replace("dl_dst=02:00:00:00:00:02", "dl_dst=ff:ff:ff:ff:ff:ff")


def test_known_station_gets_frame_alone() -> None:
    net = Simulated(BRIDGE)
    result = net.send("p1", KNOWN)
    assert net.arrivals(result) == {"p2": net.packet("p1", KNOWN)}
    assert (result.verdict, result.devices) == ("deliver", (net.id("bridge", "b"),))


@pytest.mark.parametrize("text", [UNKNOWN, BROADCAST])
def test_other_destinations_are_flooded(text: str) -> None:
    net = Simulated(BRIDGE)
    assert set(net.arrivals(net.send("p1", text))) == {"p2", "p3"}


def test_ports_that_are_down_get_no_flood() -> None:
    class P2Down:
        def port(self, port: str) -> bool:
            return port != net.id("port", "p2")

        def member(self, member: str) -> bool:
            return bool(member)

    net = Simulated(BRIDGE)
    assert set(net.arrivals(net.send("p1", BROADCAST, alive=P2Down()))) == {"p3"}
    assert net.send("p1", KNOWN, alive=P2Down()).verdict == "error"


def test_learned_mac_overrides_static_entry() -> None:
    class Learned:
        def mac(self, bridge: str, vlan: int, mac: int) -> str | None:
            assert (bridge, vlan) == (net.id("bridge", "b"), 0)
            return net.id("port", "p3") if mac == mac_to_int("02:00:00:00:00:02") else None

        def neighbour(self, device: str, address: int) -> int | None:
            del device, address
            return None

        def routes(self, router: str) -> tuple[()]:
            del router
            return ()

    net = Simulated(BRIDGE)
    assert set(net.arrivals(net.send("p1", KNOWN, tables=Learned()))) == {"p3"}


def test_source_is_learned() -> None:
    net = Simulated(BRIDGE)
    learned = LearnedMac(net.id("bridge", "b"), 0, mac_to_int("02:00:00:00:00:01"), net.id("port", "p1"))
    assert net.send("p1", KNOWN).learned == (learned,)


def test_multicast_source_is_dropped() -> None:
    net = Simulated(BRIDGE)
    assert net.send("p1", KNOWN.replace("dl_src=02", "dl_src=03")).verdict == "drop"


def test_frame_to_where_it_came_from_is_an_error() -> None:
    net = Simulated(BRIDGE)
    assert net.send("p2", KNOWN).verdict == "error"


def test_disabled_bridge_drops() -> None:
    net = Simulated(BRIDGE + "- {kind: bridge, name: b, admin_state_up: false}\n")
    assert net.send("p1", KNOWN).reason == "bridge disabled"


@pytest.mark.parametrize("port", ["p1", "p2"])
def test_disabled_port_drops(port: str) -> None:
    net = Simulated(BRIDGE + f"- {{kind: port, bridge: b, name: {port}, admin_state_up: false}}\n")
    assert net.send("p1", KNOWN).reason == "port disabled"


def test_bridge_answers_arp_for_known_neighbour() -> None:
    net = Simulated(BRIDGE)
    request = "arp,arp_op=1,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_spa=10.0.0.1,arp_tpa=10.0.0.3"
    result = net.send("p1", request)
    (answer,) = net.answers(result).values()
    assert (result.verdict, set(net.answers(result)), result.outputs) == ("consume", {"p1"}, ())
    assert answer.values[ARP_SHA] == mac_to_int("02:00:00:00:00:03")
    assert answer.values[DL_DST] == mac_to_int("02:00:00:00:00:01")


@pytest.mark.parametrize("change", [("arp_tpa=10.0.0.3", "arp_tpa=10.0.0.4"), ("arp_spa=10.0.0.1", "arp_spa=10.0.0.3")])
def test_unknown_and_gratuitous_requests_are_flooded(change: tuple[str, str]) -> None:
    net = Simulated(BRIDGE)
    request = "arp,arp_op=1,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_spa=10.0.0.1,arp_tpa=10.0.0.3"
    assert set(net.arrivals(net.send("p1", request.replace(*change)))) == {"p2", "p3"}


def test_bridge_answers_neighbour_solicitation() -> None:
    net = Simulated(BRIDGE.replace("ip: 10.0.0.3", 'ip: "2001:db8::3"'))
    result = net.send(
        "p1",
        "icmp6,icmp_type=135,dl_src=02:00:00:00:00:01,dl_dst=33:33:ff:00:00:03,ipv6_src=2001:db8::1,"
        "ipv6_dst=ff02::1:ff00:3,nd_target=2001:db8::3",
    )
    assert result.verdict == "consume"
    (answer,) = net.answers(result).values()
    assert answer.values[DL_SRC] == mac_to_int("02:00:00:00:00:03")


ROUTED = (
    BRIDGE.replace("    - {name: p3", "    - {name: up}\n    - {name: p3")
    + """
- kind: router
  name: r
  ports: [{name: down, peer: up, addresses: [10.0.0.254/24]}]
"""
)


def test_arp_request_for_router_reaches_it_alone() -> None:
    net = Simulated(ROUTED)
    request = "arp,arp_op=1,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_spa=10.0.0.1,arp_tpa=10.0.0.254"
    result = net.send("p1", request)
    assert (result.verdict, result.outputs, set(net.answers(result))) == ("consume", (), {"down"})


VLANS = """
- kind: bridge
  name: aware
  ports: [{name: trunk, host: h, interface: t}, {name: v10, vlan: 10}, {name: v20, vlan: 20}]
- kind: bridge
  name: ten
  ports: [{name: t10, peer: v10}, {name: vm10, host: h, interface: e10}]
- kind: bridge
  name: twenty
  ports: [{name: t20, peer: v20}, {name: vm20, host: h, interface: e20}]
"""


def test_vlan_port_takes_tag_off_and_puts_it_on() -> None:
    net = Simulated(VLANS)
    tagged = net.send("trunk", BROADCAST + ",dl_vlan=10")
    assert {name: packet.values[VLAN] for name, packet in net.arrivals(tagged).items()} == {"vm10": 0}
    untagged = net.send("vm20", BROADCAST)
    assert {name: packet.values[VLAN] & 0xFFF for name, packet in net.arrivals(untagged).items()} == {"trunk": 20}


def test_frame_of_other_vlan_is_dropped() -> None:
    net = Simulated(VLANS)
    assert net.send("trunk", BROADCAST + ",dl_vlan=30").verdict == "drop"
    assert net.send("vm10", BROADCAST + ",dl_vlan=7").verdict == "drop"


QOS = """
- {kind: qos-policy, name: gold, dscp_rules: [{dscp_mark: 46}]}
- {kind: qos-policy, name: lead, dscp_rules: [{dscp_mark: 8}]}
- {kind: bridge, name: b, qos_policy: lead}
"""


def test_dscp_of_port_overrides_that_of_bridge() -> None:
    net = Simulated(BRIDGE + QOS)
    assert net.arrivals(net.send("p1", KNOWN + ",nw_tos=3"))["p2"].values[NW_TOS] == 8 << 2 | 3, "ECN stays"
    net.apply("- {kind: port, bridge: b, name: p1, qos_policy: gold}")
    assert net.arrivals(net.send("p1", KNOWN))["p2"].values[NW_TOS] == 46 << 2


def test_isolated_bridges_share_no_flood() -> None:
    net = Simulated(
        BRIDGE
        + BRIDGE.replace("name: b\n", "name: c\n")
        .replace("name: p", "name: q")
        .replace("port: p", "port: q")
        .replace("interface: e", "interface: f")
    )
    assert set(net.arrivals(net.send("p1", BROADCAST))) == {"p2", "p3"}


def test_address_texts_and_numbers_agree() -> None:
    assert ip_to_int("10.0.0.1") == 10 << 24 | 1
