"""Translation of addresses: static, dynamic, back again, inside ICMP errors (MDTS test_nat_router)."""

import pytest
from simulated import Simulated

from midonet.simulation.packet.addresses import ip_to_int
from midonet.simulation.packet.build.icmp import icmp_error
from midonet.simulation.packet.fields import DATA_SRC, ICMP_ID, NW_DST, NW_SRC, TP_DST, TP_SRC
from midonet.simulation.trace import answer_of

NET = """
- kind: router
  name: r
  ports:
    - {name: inside, host: h, interface: e1, addresses: [10.0.0.1/24]}
    - {name: outside, host: h, interface: e2, addresses: [200.0.0.1/24]}
  routes: [{dst: 10.0.0.0/24, port: inside}, {dst: 0.0.0.0/0, port: outside, gateway: 200.0.0.254}]
"""
OUT = "tcp,nw_src=10.0.0.2,nw_dst=8.8.8.8,tp_src=1000,tp_dst=53"


def translating(inbound: str, outbound: str) -> Simulated:
    return Simulated(f"""{NET}
- {{kind: chain, name: in, rules: [{inbound}]}}
- {{kind: chain, name: out, rules: [{outbound}]}}
- {{kind: router, name: r, inbound_filter: in, outbound_filter: out}}
""")


SNAT = "{action: snat, nat_targets: ['200.0.0.1:20000-30000'], out_ports: [outside]}"
UNDO = "{action: rev-snat, nw_dst: 200.0.0.1/32}"


@pytest.mark.parametrize("proto", ["tcp", "udp", "sctp"])
def test_source_is_translated_and_back(proto: str) -> None:
    net = translating(UNDO, SNAT)
    (packet,) = net.arrivals(net.send("inside", OUT.replace("tcp", proto))).values()
    assert packet.values[NW_SRC] == ip_to_int("200.0.0.1")
    assert 20000 <= packet.values[TP_SRC] <= 30000
    answer = answer_of(packet)
    assert answer is not None
    back = net.arrivals(net.send("outside", answer))
    assert set(back) == {"inside"}
    assert (back["inside"].values[NW_DST], back["inside"].values[TP_DST]) == (ip_to_int("10.0.0.2"), 1000)


def test_connection_keeps_its_translation() -> None:
    net = translating(UNDO, SNAT)
    first, second = (net.arrivals(net.send("inside", OUT))["outside"] for _ in range(2))
    other = net.arrivals(net.send("inside", OUT.replace("tp_src=1000", "tp_src=1001")))["outside"]
    assert first == second
    assert first.values[TP_SRC] != other.values[TP_SRC]


def test_echo_is_translated_by_identifier() -> None:
    net = translating(UNDO, SNAT)
    (packet,) = net.arrivals(net.send("inside", "icmp,nw_src=10.0.0.2,nw_dst=8.8.8.8,icmp_id=7")).values()
    assert packet.values[ICMP_ID] != 7
    answer = answer_of(packet)
    assert answer is not None
    back = net.arrivals(net.send("outside", answer))["inside"]
    assert (back.values[ICMP_ID], back.values[NW_DST]) == (7, ip_to_int("10.0.0.2"))


def test_icmp_error_is_translated_back() -> None:
    net = translating(UNDO, SNAT)
    (packet,) = net.arrivals(net.send("inside", OUT)).values()
    error = icmp_error(packet, 3, 1, ip_to_int("8.8.8.1"), 0x020000000001)
    back = net.arrivals(net.send("outside", error))["inside"]
    assert back.values[NW_DST] == back.values[DATA_SRC] == ip_to_int("10.0.0.2")


def test_floating_ip_is_static_both_ways() -> None:
    net = translating(
        "{action: dnat, nat_targets: [10.0.0.2], nw_dst: 200.0.0.7/32}",
        "{action: snat, nat_targets: [200.0.0.7], nw_src: 10.0.0.2/32}",
    )
    into = net.arrivals(net.send("outside", "udp,nw_src=8.8.8.8,nw_dst=200.0.0.7,tp_dst=9"))
    assert {name: packet.values[NW_DST] for name, packet in into.items()} == {"inside": ip_to_int("10.0.0.2")}
    out = net.arrivals(net.send("inside", OUT))
    assert out["outside"].values[NW_SRC] == ip_to_int("200.0.0.7")
    assert not net.state.records, "needs no state"


def test_destination_port_is_translated_and_back() -> None:
    net = translating(
        "{action: dnat, nat_targets: ['10.0.0.2:8080'], nw_dst: 200.0.0.1/32, nw_proto: tcp, tp_dst: 80}",
        "{action: rev-dnat, nw_src: 10.0.0.2/32}",
    )
    into = net.arrivals(net.send("outside", "tcp,nw_src=8.8.8.8,nw_dst=200.0.0.1,tp_src=5,tp_dst=80"))["inside"]
    assert (into.values[NW_DST], into.values[TP_DST]) == (ip_to_int("10.0.0.2"), 8080)
    answer = answer_of(into)
    assert answer is not None
    back = net.arrivals(net.send("inside", answer))["outside"]
    assert (back.values[NW_SRC], back.values[TP_SRC]) == (ip_to_int("200.0.0.1"), 80)


def test_rewritten_destination_can_be_asked_for() -> None:
    net = translating(
        "{action: dnat, nat_targets: [10.0.0.2], nw_dst: 200.0.0.7/32, nat_action: continue},"
        "{action: drop, match_nw_dst_rewritten: true}",
        "",
    )
    assert net.send("outside", "udp,nw_src=8.8.8.8,nw_dst=200.0.0.7,tp_dst=9").verdict == "drop"
    assert net.send("inside", OUT).verdict == "deliver"


BALANCER = (
    NET
    + """
- {kind: load-balancer, name: lb}
- {kind: router, name: r, load_balancer: lb}
- kind: pool
  name: web
  load_balancer: lb
  members:
    - {address: 10.0.0.11, protocol_port: 8080, weight: 3}
    - {address: 10.0.0.12, protocol_port: 8080}
  vips: [{address: 200.0.0.80, protocol_port: 80}]
"""
)
CLIENT = "tcp,nw_src=8.8.8.8,nw_dst=200.0.0.80,tp_dst=80,tp_src="


def test_members_share_connections_by_weight() -> None:
    net = Simulated(BALANCER)
    packets = [net.arrivals(net.send("outside", f"{CLIENT}{port}"))["inside"] for port in range(1, 401)]
    first = sum(packet.values[NW_DST] == ip_to_int("10.0.0.11") for packet in packets)
    assert 260 < first < 340
    assert {packet.values[TP_DST] for packet in packets} == {8080}


def test_answers_of_members_come_from_virtual_address() -> None:
    net = Simulated(BALANCER)
    packet = net.arrivals(net.send("outside", f"{CLIENT}5"))["inside"]
    answer = answer_of(packet)
    assert answer is not None
    back = net.arrivals(net.send("inside", answer))["outside"]
    assert (back.values[NW_SRC], back.values[TP_SRC]) == (ip_to_int("200.0.0.80"), 80)


def test_sticky_client_stays_with_member() -> None:
    net = Simulated(BALANCER + "- {kind: pool, load_balancer: lb, name: web, session_persistence: source-ip}\n")
    packets = [net.arrivals(net.send("outside", f"{CLIENT}{port}"))["inside"] for port in range(1, 40)]
    assert len({packet.values[NW_DST] for packet in packets}) == 1


def test_without_member_virtual_address_drops() -> None:
    class NoMember:
        def port(self, port: str) -> bool:
            return bool(port)

        def member(self, member: str) -> bool:
            return not member

    net = Simulated(BALANCER)
    assert net.send("outside", f"{CLIENT}5", alive=NoMember()).verdict == "drop"
