"""What must always hold of simulations: an outcome rests on nothing but the fields that it says were read."""

from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import Simulated

from midonet.simulation.header import full_mask
from midonet.simulation.packet.fields import (
    DL_DST,
    DL_SRC,
    DL_TYPE,
    FIELDS,
    NW_DST,
    NW_SRC,
    NW_TOS,
    NW_TTL,
    TP_DST,
    TP_SRC,
)
from midonet.simulation.packet.packet import Packet
from midonet.simulation.packet.rewrite import rewrite
from midonet.simulation.result import DELIVER, DROP

NET = """
- {kind: qos-policy, name: gold, dscp_rules: [{dscp_mark: 46}]}
- {kind: ip-addr-group, name: some, addresses: [10.0.1.2, 10.0.1.4, 10.0.2.9]}
- kind: chain
  name: in
  rules:
    - {action: drop, dl_src: "02:00:00:00:00:0c", dl_src_mask: "ff:ff:ff:ff:ff:fc"}
    - {action: drop, nw_proto: tcp, tp_dst: 22}
    - {action: drop, nw_dst: 10.0.2.128/25}
    - {action: jump, jump_chain: more, nw_proto: udp}
    - {action: drop, ip_addr_group_src: some, tp_dst: 100-200, nw_proto: tcp}
    - {action: drop, nw_src: 10.0.1.64/26, nw_proto: tcp, conjunction_inv: true, nw_tos: 9}
- kind: chain
  name: more
  rules: [{action: drop, tp_src: 5-9}, {action: return, tp_dst: 53}, {action: drop, tp_dst: 50-60}]
- {kind: chain, name: moved, rules: [{action: dnat, nat_targets: [10.0.2.3], nw_dst: 10.0.9.0/24}]}
- kind: chain
  name: hidden
  rules: [{action: snat, nat_targets: ['10.0.2.1:1024-65535'], nw_proto: udp, out_ports: [r-right]}]
- kind: bridge
  name: left
  qos_policy: gold
  ports: [{name: vm1, host: h, interface: e1, inbound_filter: in}, {name: vm3, host: h, interface: e3}, {name: left-r}]
  macs: [{mac: "02:00:00:00:00:03", port: vm3}]
- kind: bridge
  name: right
  ports: [{name: vm2, host: h, interface: e2}, {name: right-r}]
  arps: [{ip: 10.0.2.2, mac: "02:00:00:00:00:02"}, {ip: 10.0.2.3, mac: "02:00:00:00:00:03"}]
  macs: [{mac: "02:00:00:00:00:02", port: vm2}]
- kind: router
  name: r
  inbound_filter: moved
  outbound_filter: hidden
  ports:
    - {name: r-left, peer: left-r, mac: "02:00:00:00:01:01", addresses: [10.0.1.1/24]}
    - {name: r-right, peer: right-r, mac: "02:00:00:00:01:02", addresses: [10.0.2.1/24]}
  routes:
    - {dst: 10.0.1.0/24, port: r-left}
    - {dst: 10.0.2.0/24, port: r-right}
    - {dst: 10.0.2.64/26, next_hop: blackhole, src: 10.0.1.0/25}
    - {dst: 10.6.0.0/16, port: r-right, gateway: 10.0.2.2}
"""
TEXTS = st.builds(
    "{},dl_src=02:00:00:00:00:{:02x},dl_dst={},nw_src=10.0.1.{},nw_dst={},tp_src={},tp_dst={},nw_ttl={},nw_tos={}".format,
    st.sampled_from(["tcp", "udp", "sctp"]),
    st.integers(1, 20),
    st.sampled_from(["02:00:00:00:01:01"] * 3 + ["02:00:00:00:00:03", "02:00:00:00:00:77", "ff:ff:ff:ff:ff:ff"]),
    st.sampled_from([2, 3, 4, 70, 100, 200]),
    st.one_of(
        st.builds("10.0.2.{}".format, st.sampled_from([2, 3, 9, 65, 129, 200])),
        st.builds("10.0.9.{}".format, st.integers(0, 3)),
        st.sampled_from(["10.6.1.1", "10.7.1.1", "10.0.1.1", "10.0.1.9"]),
    ),
    st.integers(1, 12),
    st.sampled_from([22, 53, 55, 80, 100, 150, 200, 201]),
    st.sampled_from([1, 2, 3, 64, 255]),
    st.sampled_from([0, 9, 46 << 2]),
)
CHANGEABLE = (DL_SRC, DL_DST, NW_SRC, NW_DST, NW_TOS, NW_TTL, TP_SRC, TP_DST)


def varied(packet: Packet, reads: tuple[int, ...], rng: Random) -> Packet:
    """Return a packet with other bits where none was read."""
    changes = {}
    for field in CHANGEABLE:
        full = full_mask(field, packet.values[field])
        free = full & ~reads[field] & rng.getrandbits(FIELDS[field].bits) & rng.choice((0, full, full))
        changes[field] = packet.values[field] ^ free
    return rewrite(packet, changes)


@pytest.mark.parametrize("minimal", [False, True])
@settings(max_examples=250, deadline=None)
@given(TEXTS, st.integers(0, 2**32))
def test_outcome_rests_on_fields_read(minimal: bool, text: str, seed: int) -> None:  # noqa: FBT001 - a parameter
    net = network()
    packet = net.packet("vm1", text)
    result = net.send("vm1", packet, state=None, minimal=minimal)
    if result.verdict not in (DELIVER, DROP) or not result.reads[DL_TYPE]:
        return
    rng = Random(seed)  # noqa: S311 - repeatable, not secret
    for _ in range(6):
        other = varied(packet, result.reads, rng)
        assert net.send("vm1", other, state=None, minimal=minimal).actions == result.actions, other


@cache
def network() -> Simulated:
    """Return the network, built once."""
    return Simulated(NET)
