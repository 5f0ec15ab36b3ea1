"""What a deletion does to those that refer: MidoNet's bindings as the oracle, row by row.

MidoNet declares for both sides of a binding what the deletion of one does to the other (CASCADE, CLEAR, ERROR). Here
only one side holds the reference, so that clearing the other side of it is nothing to be done. Where MidoNet hurts
silently the deletion is refused instead, unless it cascades: `better` says why.
"""

from typing import Any, NamedTuple

import pytest
from world import World

from midonet.events.commands.command import Command, Delete
from midonet.events.commands.decide import decide
from midonet.events.errors import InUse
from midonet.events.model import KINDS

GONE, CLEARED = "gone", "cleared"
OPENS = "a filter that vanishes opens a firewall"
UNCHECKED = "MidoNet leaves a dangling id"
REST = "as MidoNet's REST API: its storage alone would clear it"
USED = "a policy or group in use is not taken from its users silently"


class Row(NamedTuple):
    """Deleting `target` does `what` to the `referrer` (kind/name), by this `field`."""

    number: str
    target: str
    referrer: str
    field: str
    what: str
    better: str = ""
    """Why it is refused without `--cascade` though MidoNet does not; `what` holds with it."""
    refused: bool = False
    """MidoNet refuses as well (ERROR)."""


ROWS = [
    Row("1", "port/vm", "l2-insertion/ids", "port", GONE),
    Row("2", "port/srv", "l2-insertion/ids", "srv_port", GONE),
    Row("3", "service-container-group/vpns", "service-container/vpn", "service_group", GONE),
    Row("4", "port/gw", "service-container/vpn", "port", GONE),
    Row("5", "host-group/rack", "service-container-group/vpns", "host_group", CLEARED, USED),
    Row("6", "port-group/uplinks", "service-container-group/vpns", "port_group", CLEARED, USED),
    Row("7", "bridge/web", "port/vm", "bridge", GONE),
    Row("8", "bridge/web", "dhcp-subnet/clients", "bridge", GONE),
    Row("9", "bridge/web", "dhcpv6-subnet/clients6", "bridge", GONE),
    Row("10", "port/gw", "port/up", "peer", CLEARED),
    Row("11", "port/gw", "dhcp-subnet/clients", "router_port", CLEARED),
    Row("12", "host/hv1", "port/vm", "host", CLEARED, REST),
    Row("13", "port/gw", "port-group/uplinks", "ports", CLEARED),
    Row("14", "port/gw", "route/to-clients", "port", GONE),
    *(
        Row(number, "chain/fw", referrer, field, CLEARED, OPENS)
        for number, referrer, field in [
            ("15", "bridge/web", "inbound_filter"),
            ("16", "bridge/web", "outbound_filter"),
            ("17", "router/edge", "inbound_filter"),
            ("18", "router/edge", "outbound_filter"),
            ("19", "router/edge", "local_redirect_chain"),
            ("20", "port/vm", "inbound_filter"),
            ("21", "port/vm", "outbound_filter"),
        ]
    ),
    Row("22", "router/edge", "port/gw", "router", GONE),
    Row("23", "router/edge", "route/to-nowhere", "router", GONE),
    Row("24", "host/hv1", "tunnel-zone/underlay", "members.host", CLEARED),
    Row("25", "host/hv1", "host-group/rack", "hosts", CLEARED),
    Row("26", "load-balancer/lb", "pool/servers", "load_balancer", GONE),
    Row("27", "pool/servers", "pool-member/s1", "pool", GONE),
    Row("28", "health-monitor/probe", "pool/servers", "health_monitor", CLEARED),
    *(
        Row(number, "mirror/tap", referrer, field, CLEARED)
        for number, referrer, field in [
            ("29", "bridge/web", "inbound_mirrors"),
            ("30", "router/edge", "inbound_mirrors"),
            ("31", "port/vm", "inbound_mirrors"),
            ("32", "port/vm", "post_in_filter_mirrors"),
            ("33", "bridge/web", "outbound_mirrors"),
            ("34", "router/edge", "outbound_mirrors"),
            ("35", "port/vm", "outbound_mirrors"),
            ("36", "port/vm", "pre_out_filter_mirrors"),
        ]
    ),
    Row("37", "port/spy", "mirror/tap", "to_port", GONE),
    Row("38", "router/edge", "load-balancer/lb", "router", CLEARED, refused=True),
    Row("38, right", "load-balancer/lb", "router/edge", "load_balancer", CLEARED),
    Row("39", "pool/servers", "vip/front", "pool", GONE),
    Row("40", "port/gw", "vip/front", "gateway_port", CLEARED, refused=True),
    Row("41", "router/edge", "bgp-network/announced", "router", GONE),
    Row("42", "router/edge", "bgp-peer/isp", "router", GONE),
    Row("43", "dhcp-subnet/clients", "route/to-clients", "gateway_dhcp", GONE),
    Row("44", "chain/fw", "rule/plain", "chain", GONE),
    Row("45", "port/vm", "rule/fip", "fip_port", GONE),
    Row("48", "bridge/web", "trace-request/of-bridge", "bridge", GONE),
    Row("49", "router/edge", "trace-request/of-router", "router", GONE),
    Row("50", "port/vm", "trace-request/of-port", "port", GONE),
    Row("51", "chain/fw", "rule-logger/log", "chain", GONE),
    Row("52", "logging-resource/file", "rule-logger/log", "logging_resource", GONE),
    Row("58", "qos-policy/gold", "qos-bandwidth-rule/limit", "policy", GONE),
    Row("59", "qos-policy/gold", "qos-dscp-rule/mark", "policy", GONE),
    Row("60", "qos-policy/gold", "port/vm", "qos_policy", CLEARED, USED),
    Row("61", "qos-policy/gold", "bridge/web", "qos_policy", CLEARED, USED),
    # references that no binding covers (reference §1.7.3)
    Row("jump", "chain/fw", "rule/jump", "jump_chain", GONE, OPENS),
    Row("vtep bindings", "bridge/web", "vtep-binding/bound", "bridge", GONE, REST),
    Row("vtep bindings", "vtep/tor", "vtep-binding/bound", "vtep", GONE, REST),
    Row("vtep zone", "tunnel-zone/tors", "vtep/tor", "tunnel_zone", CLEARED, REST),
    Row("zone hosts", "host/hv1", "tunnel-zone/underlay", "members.host", CLEARED),
    Row("forward chain", "chain/fw", "router/edge", "forward_chain", CLEARED, UNCHECKED),
    Row("lb container", "service-container/vpn", "load-balancer/lb", "service_container", CLEARED, UNCHECKED),
    Row("group chains", "chain/fw", "ip-addr-group/trusted", "inbound_chain", CLEARED, UNCHECKED),
    Row("group ports", "port/vm", "ip-addr-group/trusted", "addresses.ports", CLEARED),
    Row("condition", "port/vm", "rule/by-port", "in_ports", GONE, UNCHECKED),
    Row("condition", "port-group/uplinks", "rule/by-group", "port_group", GONE, UNCHECKED),
    Row("condition", "ip-addr-group/trusted", "rule/by-address", "ip_addr_group_src", GONE, UNCHECKED),
    Row("condition", "bridge/web", "rule/by-device", "traversed_device", GONE, UNCHECKED),
    Row("condition", "port-group/uplinks", "mirror/tap", "conditions.in_port_group", CLEARED, UNCHECKED),
    Row("condition", "ip-addr-group/trusted", "trace-request/of-port", "condition.ip_addr_group_dst", GONE, UNCHECKED),
    Row("trace rule", "trace-request/of-port", "rule/trace", "trace_request", GONE),
    Row("redirect", "port/srv", "rule/redirect", "target_port", GONE, UNCHECKED),
    Row("vxlan port", "vtep/tor", "port/", "vtep", GONE),
    Row("previous host", "host/hv2", "port/vm", "previous_host", CLEARED),
    Row("insertion chains", "port/vm", "chain/", "port", GONE),
    Row("insertion rules", "l2-insertion/ids", "rule/", "insertion", GONE),
    Row("mac entry", "port/vm", "mac-entry/mac", "port", GONE),
    Row("mac entry", "bridge/web", "mac-entry/mac", "bridge", GONE),
    Row("arp entry", "bridge/web", "arp-entry/arp", "bridge", GONE),
]

SITE: list[dict[str, Any]] = [
    {"kind": "host", "name": "hv1"},
    {"kind": "host", "name": "hv2"},
    {"kind": "tunnel-zone", "name": "underlay", "members": [
        {"host": "hv1", "address": "172.16.0.1"}, {"host": "hv2", "address": "172.16.0.2"}]},
    {"kind": "tunnel-zone", "name": "tors", "type": "vtep"},
    {"kind": "host-group", "name": "rack", "hosts": ["hv1"]},
    {"kind": "chain", "name": "fw", "loggers": [{"name": "log", "logging_resource": "file"}], "rules": [
        {"name": "plain", "action": "drop"}, {"name": "fip", "action": "accept", "fip_port": "vm"}]},
    {"kind": "chain", "name": "more", "rules": [
        {"name": "jump", "action": "jump", "jump_chain": "fw"},
        {"name": "by-port", "action": "drop", "in_ports": ["vm"]},
        {"name": "by-group", "action": "drop", "port_group": "uplinks"},
        {"name": "by-address", "action": "drop", "ip_addr_group_src": "trusted"},
        {"name": "by-device", "action": "drop", "traversed_device": "web"},
        {"name": "trace", "action": "trace", "trace_request": "of-port"},
        {"name": "redirect", "action": "redirect", "target_port": "srv"}]},
    {"kind": "bridge", "name": "web", "inbound_filter": "fw", "outbound_filter": "fw", "qos_policy": "gold",
     "inbound_mirrors": ["tap"], "outbound_mirrors": ["tap"],
     "ports": [{"name": "up"},
               {"name": "vm", "host": "hv2", "interface": "tap0", "inbound_filter": "fw", "outbound_filter": "fw",
                "qos_policy": "gold", "inbound_mirrors": ["tap"], "outbound_mirrors": ["tap"],
                "post_in_filter_mirrors": ["tap"], "pre_out_filter_mirrors": ["tap"]}],
     "macs": [{"name": "mac", "mac": "02:00:00:00:00:01", "port": "vm"}],
     "arps": [{"name": "arp", "ip": "10.0.0.5", "mac": "02:00:00:00:00:01"}],
     "dhcp_subnets": [{"name": "clients", "subnet": "10.0.0.0/24", "router_port": "gw"}],
     "dhcpv6_subnets": [{"name": "clients6", "subnet": "2001:db8::/64"}],
     "trace_requests": [{"name": "of-bridge", "condition": {}}]},
    {"kind": "bridge", "name": "tools", "ports": [{"name": "spy"}, {"name": "srv"}]},
    {"kind": "router", "name": "edge", "inbound_filter": "fw", "outbound_filter": "fw", "forward_chain": "fw",
     "local_redirect_chain": "fw", "load_balancer": "lb", "inbound_mirrors": ["tap"], "outbound_mirrors": ["tap"],
     "ports": [{"name": "gw", "addresses": ["10.0.0.1/24"], "peer": "up"}],
     "routes": [{"name": "to-clients", "dst": "10.0.0.0/24", "port": "gw", "gateway_dhcp": "clients"},
                {"name": "to-nowhere", "dst": "10.9.0.0/16", "next_hop": "blackhole"}],
     "bgp_networks": [{"name": "announced", "subnet": "203.0.113.0/24"}],
     "bgp_peers": [{"name": "isp", "asn": 64513, "address": "10.0.0.2"}],
     "trace_requests": [{"name": "of-router", "condition": {}}]},
    {"kind": "trace-request", "name": "of-port", "port": "vm", "condition": {"ip_addr_group_dst": "trusted"}},
    {"kind": "port-group", "name": "uplinks", "ports": ["gw"]},
    {"kind": "ip-addr-group", "name": "trusted", "inbound_chain": "fw",
     "addresses": [{"address": "10.0.0.5", "ports": ["vm"]}]},
    {"kind": "qos-policy", "name": "gold", "bandwidth_rules": [{"name": "limit", "max_kbps": 1000}],
     "dscp_rules": [{"name": "mark", "dscp_mark": 46}]},
    {"kind": "mirror", "name": "tap", "to_port": "spy", "conditions": [{"in_port_group": "uplinks"}]},
    {"kind": "logging-resource", "name": "file"},
    {"kind": "load-balancer", "name": "lb", "service_container": "vpn", "pools": [
        {"name": "servers", "health_monitor": "probe",
         "members": [{"name": "s1", "address": "10.0.0.5", "protocol_port": 80}],
         "vips": [{"name": "front", "address": "192.0.2.80", "protocol_port": 80, "gateway_port": "gw"}]}]},
    {"kind": "health-monitor", "name": "probe", "delay": 5, "timeout": 3, "max_retries": 2},
    {"kind": "l2-insertion", "name": "ids", "port": "vm", "srv_port": "srv", "mac": "02:00:00:00:00:01"},
    {"kind": "service-container-group", "name": "vpns", "host_group": "rack", "port_group": "uplinks",
     "containers": [{"name": "vpn", "service_type": "ipsec", "port": "gw"}]},
    {"kind": "vtep", "name": "tor", "management_ip": "192.0.2.1", "tunnel_zone": "tors",
     "bindings": [{"name": "bound", "physical_port": "swp1", "bridge": "web"}]},
]  # fmt: skip


@pytest.fixture
def world() -> World:
    """Everything refers to everything."""
    made = World()
    made.apply(*SITE)
    made.set("port", "vm", host="hv1")
    return made


def found(world: World, path: str) -> Any:
    kind, _, name = path.partition("/")
    if name:
        return world.get(kind, name)
    return next(entity for entity in world.topology.all(kind).values() if entity.follows)


def test_every_reference_of_every_kind_has_its_row() -> None:
    rows = {(row.referrer.partition("/")[0], row.field) for row in ROWS}
    declared = {(name, field) for name, kind in KINDS.items() for field in kind.ref_of}
    alike = {"in_ports", "out_ports", "port_group", "in_port_group", "out_port_group", "traversed_device"}
    alike |= {"ip_addr_group_src", "ip_addr_group_dst", "outbound_chain"}
    alike |= {"l2insertion_infilter", "l2insertion_outfilter", "srv_rule_in", "srv_rule_out"}  # never deleted alone
    assert rows <= declared
    assert {(kind, field) for kind, field in declared - rows if field.rpartition(".")[2] not in alike} == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}: {row.target} from {row.referrer} {row.field}")
def test_deletion_affects_referrers_as_declared(world: World, row: Row) -> None:
    target, referrer = found(world, row.target), found(world, row.referrer)
    assert (row.field, target.id) in KINDS[referrer.KIND].targets(referrer)
    assert refuses(world, target, referrer, row.field) == (bool(row.better) or row.refused)
    world.delete(target.KIND, target.id, cascade=True)
    left = world.topology.find(referrer.id)
    assert (left is None) == (row.what == GONE)
    assert left is None or (row.field, target.id) not in KINDS[left.KIND].targets(left)


def refuses(world: World, target: Any, referrer: Any, field: str) -> bool:
    """Return whether it is (also) this reference for which a plain deletion is refused."""
    try:
        decide(world.topology, Command("delete", [Delete(target.KIND, target.id)]), "tried")
    except InUse as error:
        named = {(one["id"], one["field"]) for one in error.details["referrers"]}
        return bool(error.details["id"] == target.id and (referrer.id, field) in named)
    return False
