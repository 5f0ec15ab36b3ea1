"""Routers: own addresses, routes, time to live, ICMP errors, neighbours (MidoNet's router; MDTS test_router)."""

import pytest
from simulated import Simulated

from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.fields import ARP_SHA, DL_DST, DL_SRC, NW_DST, NW_PROTO, NW_SRC, NW_TTL, TP_DST, TP_SRC
from midonet.simulation.result import LearnedNeighbour, Wait

NET = """
- kind: bridge
  name: left
  ports: [{name: vm1, host: h, interface: e1}, {name: left-r}]
  arps: [{ip: 10.0.1.2, mac: "02:00:00:00:00:01"}, {ip: "fd00:1::2", mac: "02:00:00:00:00:01"}]
  macs: [{mac: "02:00:00:00:00:01", port: vm1}]
- kind: bridge
  name: right
  ports: [{name: vm2, host: h, interface: e2}, {name: right-r}]
  arps: [{ip: 10.0.2.2, mac: "02:00:00:00:00:02"}, {ip: "fd00:2::2", mac: "02:00:00:00:00:02"}]
  macs: [{mac: "02:00:00:00:00:02", port: vm2}]
- kind: router
  name: r
  ports:
    - {name: r-left, peer: left-r, mac: "02:00:00:00:01:01", addresses: [10.0.1.1/24, "fd00:1::1/64"]}
    - {name: r-right, peer: right-r, mac: "02:00:00:00:01:02", addresses: [10.0.2.1/24, "fd00:2::1/64"]}
  routes:
    - {dst: 10.0.1.0/24, port: r-left}
    - {dst: 10.0.2.0/24, port: r-right}
    - {dst: "fd00:1::/64", port: r-left}
    - {dst: "fd00:2::/64", port: r-right}
    - {dst: 10.9.0.0/16, next_hop: blackhole}
    - {dst: 10.9.9.0/24, next_hop: reject}
"""
ACROSS = "udp,nw_src=10.0.1.2,nw_dst=10.0.2.2,tp_src=5,tp_dst=9"
ACROSS_6 = "udp6,ipv6_src=fd00:1::2,ipv6_dst=fd00:2::2,tp_src=5,tp_dst=9"


@pytest.mark.parametrize("text", [ACROSS, ACROSS_6])
def test_packet_is_routed_across_subnets(text: str) -> None:
    net = Simulated(NET)
    (packet,) = net.arrivals(net.send("vm1", text)).values()
    assert packet.values[DL_SRC] == mac_to_int("02:00:00:00:01:02")
    assert packet.values[DL_DST] == mac_to_int("02:00:00:00:00:02")
    assert packet.values[NW_TTL] == 63


@pytest.mark.parametrize(("ttl", "verdict"), [(2, "deliver"), (1, "reject"), (0, "reject")])
def test_time_to_live_ends(ttl: int, verdict: str) -> None:
    net = Simulated(NET)
    result = net.send("vm1", f"{ACROSS},nw_ttl={ttl}")
    assert result.verdict == verdict
    if verdict == "reject":
        (answer,) = net.answers(result).values()
        assert (answer.values[NW_PROTO], answer.values[TP_SRC], answer.values[TP_DST]) == (1, 11, 0)
        assert answer.values[NW_SRC] == ip_to_int("10.0.1.1")


def test_time_exceeded_of_ipv6() -> None:
    net = Simulated(NET)
    (answer,) = net.answers(net.send("vm1", f"{ACROSS_6},nw_ttl=1")).values()
    assert (answer.values[NW_PROTO], answer.values[TP_SRC]) == (58, 3)


@pytest.mark.parametrize(
    ("dst", "verdict", "code"), [("10.9.1.1", "drop", None), ("10.9.9.1", "reject", 13), ("10.8.0.1", "reject", 0)]
)
def test_routes_without_next_hop(dst: str, verdict: str, code: int | None) -> None:
    net = Simulated(NET)
    result = net.send("vm1", ACROSS.replace("10.0.2.2", dst))
    assert result.verdict == verdict
    assert [packet.values[TP_DST] for packet in net.answers(result).values()] == ([] if code is None else [code])


@pytest.mark.parametrize("text", ["icmp,nw_src=10.0.1.2,nw_dst=10.0.1.1", "icmp,nw_src=10.0.1.2,nw_dst=10.0.2.1"])
def test_own_addresses_answer_echo_requests(text: str) -> None:
    net = Simulated(NET)
    result = net.send("vm1", text)
    assert result.verdict == "consume"
    (answer,) = net.answers(result).values()
    assert (answer.values[TP_SRC], answer.values[NW_DST]) == (0, ip_to_int("10.0.1.2"))


def test_own_ipv6_address_answers_echo_requests() -> None:
    net = Simulated(NET)
    (answer,) = net.answers(net.send("vm1", "icmp6,ipv6_src=fd00:1::2,ipv6_dst=fd00:1::1")).values()
    assert answer.values[TP_SRC] == 129


ARP = "arp,arp_op=1,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_spa=10.0.1.2,arp_tpa=10.0.1.1"


def test_router_answers_arp_and_learns() -> None:
    net = Simulated(NET)
    result = net.send("vm1", ARP)
    (answer,) = net.answers(result).values()
    assert answer.values[ARP_SHA] == mac_to_int("02:00:00:00:01:01")
    learned = LearnedNeighbour(net.id("router", "r"), ip_to_int("10.0.1.2"), mac_to_int("02:00:00:00:00:01"))
    assert learned in result.learned


def test_spoofed_arp_is_ignored() -> None:
    net = Simulated(NET)
    result = net.send("vm1", ARP.replace("arp_spa=10.0.1.2", "arp_spa=10.0.7.2"))
    assert result.verdict == "drop"
    assert not [one for one in result.learned if isinstance(one, LearnedNeighbour)]


def test_router_answers_neighbour_solicitation() -> None:
    net = Simulated(NET)
    result = net.send(
        "vm1",
        "icmp6,icmp_type=135,dl_src=02:00:00:00:00:01,dl_dst=33:33:ff:00:00:01,ipv6_src=fd00:1::2,"
        "ipv6_dst=ff02::1:ff00:1,nd_target=fd00:1::1",
    )
    assert result.verdict == "consume"
    assert set(net.answers(result)) == {"r-left"}


def test_frame_for_another_mac_is_dropped() -> None:
    net = Simulated("- {kind: router, name: r, ports: [{name: p, host: h, interface: e, addresses: [10.0.0.1/24]}]}")
    assert net.send("p", "ip,nw_src=10.0.0.2,nw_dst=10.0.0.1,dl_dst=02:00:00:00:09:09").verdict == "drop"


@pytest.mark.parametrize("text", ["udp,nw_src=10.0.1.2,nw_dst=224.0.0.5", "udp,nw_src=10.0.1.2,nw_dst=255.255.255.255"])
def test_multicast_is_not_routed(text: str) -> None:
    net = Simulated(NET)
    assert net.send("vm1", text + ",dl_dst=02:00:00:00:01:01").verdict == "drop"


def test_disabled_router_answers_prohibited() -> None:
    net = Simulated(NET + "- {kind: router, name: r, admin_state_up: false}\n")
    result = net.send("vm1", ACROSS)
    (answer,) = net.answers(result).values()
    assert (result.verdict, answer.values[TP_SRC], answer.values[TP_DST]) == ("reject", 3, 13)


def test_unknown_neighbour_waits_if_strict() -> None:
    net = Simulated(NET)
    text = ACROSS.replace("10.0.2.2", "10.0.2.77")
    wait = Wait(net.id("router", "r"), net.id("port", "r-right"), ip_to_int("10.0.2.77"))
    strict = net.send("vm1", text, strict=True)
    assert (strict.verdict, strict.waits, set(net.answers(strict))) == ("wait", (wait,), {"r-right"})
    lenient = net.send("vm1", text)
    assert (lenient.verdict, lenient.waits) == ("deliver", (wait,))


WEIGHTS = """
- kind: router
  name: r
  ports:
    - {name: in, host: h, interface: e0, mac: "02:00:00:00:01:00", addresses: [10.0.0.1/24]}
    - {name: a, host: h, interface: ea, addresses: [10.1.0.1/24]}
    - {name: b, host: h, interface: eb, addresses: [10.2.0.1/24]}
  routes:
    - {dst: 10.8.0.0/16, port: a, gateway: 10.1.0.2, weight: 10}
    - {dst: 10.8.0.0/16, port: b, gateway: 10.2.0.2, weight: 20}
    - {dst: 10.8.8.0/24, port: b, gateway: 10.2.0.2, weight: 99}
    - {dst: 0.0.0.0/0, src: 10.0.0.128/25, port: b, gateway: 10.2.0.2}
    - {dst: 0.0.0.0/0, port: a, gateway: 10.1.0.2, weight: 200}
    - {dst: 10.7.0.0/16, port: a, gateway: 10.1.0.2}
    - {dst: 10.7.0.0/16, port: b, gateway: 10.2.0.2}
"""


@pytest.mark.parametrize(
    ("src", "dst", "port"),
    [
        ("10.0.0.2", "10.8.1.1", "a"),  # less weight
        ("10.0.0.2", "10.8.8.1", "b"),  # longer prefix
        ("10.0.0.200", "10.5.0.1", "b"),  # by source
        ("10.0.0.2", "10.5.0.1", "a"),
    ],
)
def test_best_route_is_selected(src: str, dst: str, port: str) -> None:
    net = Simulated(WEIGHTS)
    assert set(net.arrivals(net.send("in", f"udp,nw_src={src},nw_dst={dst}"))) == {port}


def test_equal_routes_share_connections() -> None:
    net = Simulated(WEIGHTS)
    text = "udp,nw_src=10.0.0.2,nw_dst=10.7.0.1,tp_dst=9,tp_src="
    ports = [name for source in range(1, 41) for name in net.arrivals(net.send("in", f"{text}{source}"))]
    assert min(ports.count("a"), ports.count("b")) >= 10
    assert len({name for _ in range(5) for name in net.arrivals(net.send("in", f"{text}7"))}) == 1


def test_route_through_port_that_is_down_is_out() -> None:
    class ADown:
        def port(self, port: str) -> bool:
            return port != net.id("port", "a")

        def member(self, member: str) -> bool:
            return bool(member)

    net = Simulated(WEIGHTS)
    assert set(net.arrivals(net.send("in", "udp,nw_src=10.0.0.2,nw_dst=10.8.1.1", alive=ADown()))) == {"b"}


def test_router_port_with_vni_is_named() -> None:
    net = Simulated("- {kind: router, name: r, ports: [{name: p, host: h, interface: e, vni: 7}]}")
    assert (result := net.send("p", "udp,nw_dst=10.0.0.1")).verdict == "error"
    assert "VNI" in result.reason


def test_loop_of_routers_ends() -> None:
    net = Simulated("""
- kind: router
  name: a
  ports:
    - {name: in, host: h, interface: e0, addresses: [10.0.0.1/24]}
    - {name: ab, addresses: [192.168.0.1/30]}
  routes: [{dst: 0.0.0.0/0, port: ab, gateway: 192.168.0.2}]
- kind: router
  name: b
  ports: [{name: ba, peer: ab, addresses: [192.168.0.2/30]}]
  routes: [{dst: 0.0.0.0/0, port: ba, gateway: 192.168.0.1}]
""")
    result = net.send("in", "udp,nw_src=10.0.0.2,nw_dst=9.9.9.9")
    assert (result.verdict, len(result.devices)) == ("error", 12)
