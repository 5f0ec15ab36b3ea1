"""Chains: order, jumps, every action and every condition (MidoNet's rules; MDTS test_chains, test_conn_tracking)."""

import pytest
from simulated import Simulated

from midonet.simulation.packet.fields import VLAN

NET = """
- kind: bridge
  name: b
  ports:
    - {name: p1, host: h, interface: e1, inbound_filter: in}
    - {name: p2, host: h, interface: e2}
    - {name: p3, host: h, interface: e3}
  macs: [{mac: "02:00:00:00:00:02", port: p2}, {mac: "02:00:00:00:00:01", port: p1}]
- {kind: port-group, name: g, ports: [p1]}
- {kind: port-group, name: h, ports: [p2]}
- {kind: ip-addr-group, name: some, addresses: [10.0.0.1, 10.0.0.2, "fd00::1"]}
"""
TCP = "tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.9,tp_src=1000,tp_dst=80"
TCP6 = "tcp6,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,ipv6_src=fd00::1,ipv6_dst=fd00::9,tp_src=1000,tp_dst=80"
ARP = "arp,arp_op=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,arp_spa=10.0.0.1,arp_tpa=10.0.0.9"


def filtered(rules: str, chain: str = "in", more: str = "") -> Simulated:
    return Simulated(f"{NET}\n{more}\n- {{kind: chain, name: {chain}, rules: [{rules}]}}\n")


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ("", "deliver"),
        ("{action: accept}, {action: drop}", "deliver"),
        ("{action: drop}, {action: accept}", "drop"),
        ("{action: reject}", "reject"),
        ("{action: return}, {action: drop}", "deliver"),
        ("{action: continue}, {action: drop}", "drop"),
        ("{action: jump, jump_chain: sub}, {action: drop}", "drop"),
        ("{action: jump, jump_chain: denying}", "drop"),
        ("{action: jump, jump_chain: accepting}, {action: drop}", "deliver"),
        ("{action: jump, jump_chain: returning}, {action: drop}", "drop"),
    ],
)
def test_first_verdict_ends_chain(rules: str, verdict: str) -> None:
    net = filtered(
        rules,
        more="""
- {kind: chain, name: sub, rules: [{action: drop, tp_dst: 81, nw_proto: tcp}]}
- {kind: chain, name: denying, rules: [{action: drop}]}
- {kind: chain, name: accepting, rules: [{action: accept}]}
- {kind: chain, name: returning, rules: [{action: return}, {action: drop}]}
""",
    )
    assert net.send("p1", TCP).verdict == verdict


CONDITIONS = [
    ("dl_type: ipv4", {TCP}),
    ("dl_type: ipv6", {TCP6}),
    ("dl_type: ipv4, inv_dl_type: true", {TCP6, ARP}),
    ('dl_src: "02:00:00:00:00:01"', {TCP, TCP6, ARP}),
    ('dl_src: "02:00:00:00:00:07", dl_src_mask: "ff:ff:ff:ff:ff:00"', {TCP, TCP6, ARP}),
    ('dl_src: "02:00:00:00:00:07", dl_src_mask: "ff:ff:ff:ff:ff:00", inv_dl_src: true', set()),
    ('dl_dst: "02:00:00:00:00:02", inv_dl_dst: true', set()),
    ("nw_proto: tcp", {TCP, TCP6}),
    ("nw_proto: udp, inv_nw_proto: true", {TCP, TCP6, ARP}),
    ("dl_type: arp, nw_proto: 1", {ARP}),
    ("nw_src: 10.0.0.0/24", {TCP, ARP}),
    ("nw_src: 10.0.0.0/24, inv_nw_src: true", {TCP6}),
    ("nw_dst: 0.0.0.0/0", {TCP, ARP}),
    ('nw_dst: "fd00::/16"', {TCP6}),
    ("tp_dst: 80", {TCP, TCP6}),
    ("tp_dst: 79-81", {TCP, TCP6}),
    ("tp_dst: 80, inv_tp_dst: true", {ARP}),
    ("tp_src: 1001-65535", set()),
    ("nw_tos: 0", {TCP, TCP6}),
    ("no_vlan: true", {TCP, TCP6, ARP}),
    ("vlan: 7", set()),
    ("in_ports: [p1]", {TCP, TCP6, ARP}),
    ("in_ports: [p2]", set()),
    ("in_ports: [p2, p3], inv_in_ports: true", {TCP, TCP6, ARP}),
    ("port_group: g", {TCP, TCP6, ARP}),
    ("in_port_group: h", set()),
    ("in_port_group: h, inv_in_port_group: true", {TCP, TCP6, ARP}),
    ("out_ports: [p2]", set()),  # not known yet
    ("ip_addr_group_src: some", {TCP, TCP6, ARP}),
    ("ip_addr_group_dst: some", set()),
    ("ip_addr_group_dst: some, inv_ip_addr_group_dst: true", {TCP, TCP6, ARP}),
    ("traversed_device: b", set()),
    ("fragment_policy: nonheader", {ARP}),  # what is not IP is no fragment, and no policy excludes it
    ("nw_proto: tcp, tp_dst: 80, conjunction_inv: true", {ARP}),
    ("match_forward_flow: true, nw_proto: tcp", {TCP, TCP6}),
    ("match_return_flow: true, nw_proto: tcp", set()),
    ("match_nw_dst_rewritten: true", set()),
]


@pytest.mark.parametrize(("terms", "meeting"), CONDITIONS)
@pytest.mark.parametrize("text", [TCP, TCP6, ARP])
def test_condition_is_met(terms: str, meeting: set[str], text: str) -> None:
    net = filtered(f"{{action: drop, {terms}}}")
    assert (net.send("p1", text).verdict == "drop") == (text in meeting)


@pytest.mark.parametrize(
    ("policy", "frag", "verdict"),
    [
        ("any", "later", "drop"),
        ("nonheader", "later", "drop"),
        ("header", "later", "deliver"),
        ("unfragmented", "first", "deliver"),
        ("header", "first", "drop"),
        ("header", "no", "drop"),
        ("nonheader", "no", "deliver"),
    ],
)
def test_fragment_policy(policy: str, frag: str, verdict: str) -> None:
    net = filtered(f"{{action: drop, dl_type: ipv4, fragment_policy: {policy}}}")
    text = TCP if frag != "later" else TCP.replace(",tp_src=1000,tp_dst=80", "")
    assert net.send("p1", f"{text},nw_frag={frag}").verdict == verdict


def test_outbound_filter_of_port_knows_both_ports() -> None:
    net = Simulated(
        NET.replace(", inbound_filter: in", "").replace("interface: e2", "interface: e2, outbound_filter: out")
        + """
- kind: chain
  name: out
  rules: [{action: drop, in_ports: [p1], out_ports: [p2], out_port_group: h, traversed_device: b, tp_dst: 80}]
"""
    )
    assert net.send("p1", TCP).verdict == "drop"
    assert net.send("p3", TCP).verdict == "deliver"


def test_outbound_filter_of_bridge_knows_port_of_unicast() -> None:
    net = Simulated(
        NET.replace(", inbound_filter: in", "")
        + """
- {kind: chain, name: out, rules: [{action: drop, out_ports: [p2]}]}
- {kind: bridge, name: b, outbound_filter: out}
"""
    )
    assert net.send("p1", TCP).verdict == "drop"
    assert set(net.arrivals(net.send("p1", TCP.replace("00:02", "00:09")))) == {"p2", "p3"}, "flooded"


def test_only_answers_pass_stateful_chain() -> None:
    net = filtered(
        "{action: accept, match_forward_flow: true}",
        more="- {kind: chain, name: replies, rules: [{action: accept, match_return_flow: true}, {action: drop}]}\n"
        "- {kind: port, bridge: b, name: p1, outbound_filter: replies}\n",
    )
    answer = (
        "tcp,dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:01,nw_src=10.0.0.9,nw_dst=10.0.0.1,tp_src=80,tp_dst=1000"
    )
    assert net.send("p2", answer).verdict == "drop"
    net.state.records.clear()
    assert net.send("p1", TCP).verdict == "deliver"
    assert net.send("p2", answer).verdict == "deliver"
    assert net.send("p2", answer.replace("tp_src=80", "tp_src=81")).verdict == "drop"


def test_redirect_goes_to_target_port() -> None:
    net = filtered("{action: redirect, target_port: p3, push_vlan: 7}")
    (packet,) = net.arrivals(net.send("p1", TCP)).values()
    assert packet.values[VLAN] & 0xFFF == 7
    net.apply("- {kind: port, bridge: b, name: p3, admin_state_up: false}")
    assert net.send("p1", TCP).verdict == "drop"
    net.apply("- {kind: chain, name: in, rules: [{action: redirect, target_port: p3, fail_open: true}]}")
    assert set(net.arrivals(net.send("p1", TCP))) == {"p2"}


def test_l2_transform_changes_tags() -> None:
    net = filtered("{action: l2-transform, pop_vlan: true, push_vlan: 9, transform_action: accept}")
    result = net.send("p1", TCP + ",dl_vlan=5")
    assert {packet.values[VLAN] & 0xFFF for packet in net.arrivals(result).values()} == {9}


def test_trace_rules_and_loggers_are_told() -> None:
    net = filtered(
        "{action: trace, trace_request: t, nw_proto: tcp}, {action: drop, nw_proto: tcp}",
        more="- {kind: trace-request, name: t, bridge: b, condition: {nw_proto: tcp}}\n"
        "- {kind: logging-resource, name: file, type: file}\n"
        "- {kind: rule-logger, name: l, chain: in, logging_resource: file, event: drop}\n",
    )
    result = net.send("p1", TCP)
    assert (result.traces, result.logs) == ((net.id("trace-request", "t"),), ((net.id("rule-logger", "l"), "drop"),))
    assert net.send("p1", ARP).logs == ()


MIRRORS = """
- {kind: mirror, name: copy, to_port: p3, conditions: [{nw_proto: tcp}]}
- {kind: port, bridge: b, name: p1, inbound_filter: in, %s: [copy]}
"""


@pytest.mark.parametrize("hook", ["inbound_mirrors", "post_in_filter_mirrors"])
def test_mirror_copies_what_matches(hook: str) -> None:
    net = filtered("{action: accept}", more=MIRRORS % hook)
    assert set(net.arrivals(net.send("p1", TCP))) == {"p2", "p3"}
    assert set(net.arrivals(net.send("p1", TCP.replace("tcp", "udp")))) == {"p2"}


@pytest.mark.parametrize(("hook", "copied"), [("inbound_mirrors", {"p3"}), ("post_in_filter_mirrors", set())])
def test_mirror_before_filter_copies_what_is_dropped(hook: str, copied: set[str]) -> None:
    net = filtered("{action: drop}", more=MIRRORS % hook)
    assert set(net.arrivals(net.send("p1", TCP))) == copied


@pytest.mark.parametrize(("hook", "copied"), [("pre_out_filter_mirrors", {"p3"}), ("outbound_mirrors", set())])
def test_egress_mirrors(hook: str, copied: set[str]) -> None:
    more = f"""
- {{kind: chain, name: deny, rules: [{{action: drop}}]}}
- {{kind: mirror, name: copy, to_port: p3, conditions: [{{nw_proto: tcp}}]}}
- {{kind: port, bridge: b, name: p2, outbound_filter: deny, {hook}: [copy]}}
"""
    assert set((net := filtered("{action: accept}", more=more)).arrivals(net.send("p1", TCP))) == copied


def test_insertion_sends_traffic_through_service() -> None:
    net = Simulated(
        NET.replace(", inbound_filter: in", "")
        + """
- {kind: l2-insertion, name: i, port: p1, srv_port: p3, mac: "02:00:00:00:00:01", vlan: 5}
"""
    )
    first = net.send("p1", TCP)
    assert set(net.arrivals(first)) == {"p3"}, "from the station to the function"
    second = net.send("p3", net.arrivals(first)["p3"])
    assert set(net.arrivals(second)) == {"p2"}, "from the function to the destination"
    assert net.arrivals(second)["p2"].values[VLAN] == 0
