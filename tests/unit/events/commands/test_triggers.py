"""What follows of itself, in the same commit: LOCAL routes, VXLAN ports, previous hosts, attached balancers."""

from typing import Any
from uuid import UUID

import pytest
from world import World

from midonet.events.commands.command import AddItem, Create, Delete, Update
from midonet.events.commands.decide import Decision
from midonet.events.errors import Conflict, InUse, InvalidValue, MidonetError


def types(decision: Decision) -> list[str]:
    return sorted(event.type for event in decision.events)


@pytest.fixture
def world() -> World:
    """A router with a port, a bound bridge port, a VTEP, and a balancer with a pool."""
    made = World()
    made.apply(
        {"kind": "host", "name": "hv1"},
        {"kind": "host", "name": "hv2"},
        {
            "kind": "tunnel-zone",
            "name": "underlay",
            "members": [{"host": "hv1", "address": "172.16.0.1"}, {"host": "hv2", "address": "172.16.0.2"}],
        },
        {"kind": "tunnel-zone", "name": "tors", "type": "vtep", "members": [{"host": "hv1", "address": "172.16.0.1"}]},
        {"kind": "router", "name": "edge", "ports": [{"name": "gw", "addresses": ["10.0.0.1/24", "2001:db8::1/64"]}]},
        {"kind": "bridge", "name": "web", "ports": [{"name": "vm", "host": "hv1", "interface": "tap0"}]},
        {"kind": "bridge", "name": "db"},
        {"kind": "vtep", "name": "tor", "management_ip": "192.0.2.1", "tunnel_zone": "tors"},
        {"kind": "load-balancer", "name": "lb", "pools": [{"name": "servers"}, {"name": "others"}]},
    )
    return made


def local(world: World) -> dict[str, str]:
    routes = [route for route in world.topology.all("route").values() if route.next_hop == "local"]
    assert all(route.follows and route.weight == 0 for route in routes)
    return {route.dst: route.src for route in routes}


def test_a_router_port_brings_a_local_route_for_each_of_its_addresses(world: World) -> None:
    assert local(world) == {"10.0.0.1/32": "0.0.0.0/0", "2001:db8::1/128": "::/0"}
    decision = world.run(Create("port", {"router": "edge", "addresses": ["10.1.0.1/24", "10.1.0.2/24"]}))
    assert types(decision) == ["port.created", "route.created", "route.created"]


def test_local_routes_follow_the_addresses(world: World) -> None:
    decision = world.set("port", "gw", addresses=["10.0.0.2/24", "2001:db8::1/64"])
    assert types(decision) == ["port.updated", "route.created", "route.deleted"]
    assert set(local(world)) == {"10.0.0.2/32", "2001:db8::1/128"}
    world.set("port", "gw", addresses=["10.0.0.1/24"])
    again = next(iter(world.topology.all("route")))
    world.set("port", "gw", addresses=[])
    assert local(world) == {}
    world.set("port", "gw", addresses=["10.0.0.1/24"])
    assert list(world.topology.all("route")) == [again], "the same route has the same id"
    assert types(world.delete("port", "gw")) == ["port.deleted", "route.deleted"]


def test_a_port_that_was_made_before_there_were_local_routes_gets_them_when_it_changes(world: World) -> None:
    for route in list(world.topology.all("route")):
        world.topology.swap(route, None)
    world.set("port", "gw", name="uplink")
    assert local(world) == {}
    world.set("port", "uplink", addresses=["10.0.0.1/24"])
    assert set(local(world)) == {"10.0.0.1/32"}


def vxlan_ports(world: World) -> dict[str, Any]:
    return {port.id: port for port in world.topology.all("port").values() if port.vtep is not None}


def test_a_bridge_has_one_vxlan_port_for_every_vtep_that_it_is_bound_to(world: World) -> None:
    bridge, vtep = world.get("bridge", "web").id, world.get("vtep", "tor").id
    expected = str(UUID(int=UUID(bridge).int ^ UUID(vtep).int))
    bind = {"vtep": "tor", "bridge": "web"}
    assert types(world.run(Create("vtep-binding", {**bind, "physical_port": "s1"}))) == [
        "bridge.updated",
        "port.created",
        "vtep-binding.created",
    ]
    assert list(vxlan_ports(world)) == [expected]
    second = world.create("vtep-binding", **bind, physical_port="s2")
    assert len(vxlan_ports(world)) == 1
    assert types(world.set("vtep-binding", second, bridge="db")) == [
        "bridge.updated",
        "port.created",
        "vtep-binding.updated",
    ]
    assert len(vxlan_ports(world)) == 2
    assert types(world.delete("vtep-binding", second)) == ["port.deleted", "vtep-binding.deleted"]
    vni = world.get("bridge", "web").vni
    world.run(Delete("vtep-binding", where={**bind, "physical_port": "s1"}))
    assert not vxlan_ports(world)
    assert world.get("bridge", "web").vni == vni, "kept for life"


def test_a_vxlan_port_goes_with_the_static_macs_behind_it_and_not_from_under_a_rule(world: World) -> None:
    binding = world.create("vtep-binding", vtep="tor", bridge="web", physical_port="s1")
    (port,) = vxlan_ports(world)
    world.create("mac-entry", bridge="web", mac="02:00:00:00:00:09", port=port)
    world.create("chain", "fw")
    world.create("rule", chain="fw", action="drop", in_ports=[port])
    with pytest.raises(InUse, match="rule"):
        world.delete("vtep-binding", binding)
    world.delete("vtep", "tor", cascade=True)
    assert not vxlan_ports(world)
    assert not world.topology.all("mac-entry")


@pytest.mark.parametrize("kind", ["port", "route"])
def test_derived_object_cannot_be_changed_directly(world: World, kind: str) -> None:
    world.create("vtep-binding", vtep="tor", bridge="web", physical_port="s1")
    one = next(entity for entity in world.topology.all(kind).values() if entity.follows)
    field: dict[str, Any] = {"port": {"admin_state_up": False}, "route": {"weight": 7}}[kind]  # type: ignore[assignment]
    for op in (Delete(kind, one.id, cascade=True), Update(kind, one.id, field)):
        refused(world, op, Conflict, "follows-another")
    assert world.apply({"kind": kind, "id": one.id}).events == []


def test_prune_and_export_leave_what_follows_to_what_it_follows(world: World) -> None:
    world.create("vtep-binding", vtep="tor", bridge="web", physical_port="s1")
    kept = [entity for entity in world.topology if entity.follows is None]
    assert world.apply(*({"kind": e.KIND, "id": e.id} for e in kept), prune=True).events == []
    world.apply(prune=True)
    assert len(world.topology) == 0


def test_port_stores_its_previous_host(world: World) -> None:
    hv1, hv2 = (world.get("host", name).id for name in ("hv1", "hv2"))
    assert types(world.set("port", "vm", host=None, interface=None)) == ["port.unbound"]
    assert world.get("port", "vm").previous_host == hv1
    assert types(world.set("port", "vm", host="hv2", interface="tap0")) == ["port.bound"]
    world.set("port", "vm", host="hv1")
    assert world.get("port", "vm").previous_host == hv2
    world.delete("host", "hv1", cascade=True)
    assert (world.get("port", "vm").host, world.get("port", "vm").previous_host) == (None, hv2)
    world.delete("host", "hv2", cascade=True)
    assert world.get("port", "vm").previous_host is None


def test_a_router_and_its_load_balancer_name_each_other(world: World) -> None:
    assert types(world.set("router", "edge", load_balancer="lb")) == ["load-balancer.updated", "router.updated"]
    assert world.get("load-balancer", "lb").router == world.get("router", "edge").id
    world.create("router", "other")
    refused(world, Update("router", "other", {"load_balancer": "lb"}), Conflict, "load-balancer-attached")
    with pytest.raises(InUse, match="load-balancer lb"):
        world.delete("router", "edge")
    move = [Update("router", "other", {"load_balancer": "lb"}), Update("router", "edge", {"load_balancer": None})]
    world.run(*move)
    assert world.get("load-balancer", "lb").router == world.get("router", "other").id
    world.delete("load-balancer", "lb")
    assert world.get("router", "other").load_balancer is None


def test_documents_may_attach_a_balancer_in_any_order() -> None:
    for documents in (1, -1):
        world = World()
        site = [{"kind": "router", "name": "r", "load_balancer": "l"}, {"kind": "load-balancer", "name": "l"}]
        world.apply(*site[::documents])
        assert world.get("load-balancer", "l").router == world.get("router", "r").id
        assert world.apply(*site).events == []


def test_a_host_may_join_a_zone_in_the_commit_that_binds_a_port_to_it(world: World) -> None:
    world.create("host", "hv3")
    bind = Update("port", "vm", {"host": "hv3", "interface": "tap0"})
    refused(world, bind, Conflict, "host-in-no-tunnel-zone")
    world.run(bind, AddItem("tunnel-zone", "underlay", "members", {"host": "hv3", "address": "172.16.0.3"}))
    world.delete("tunnel-zone", "underlay")
    world.set("port", "vm", admin_state_up=False)


def refused(world: World, op: Any, error: type[MidonetError], reason: str) -> None:
    with pytest.raises(error) as caught:
        world.run(op)
    assert caught.value.details["reason"] == reason, caught.value.message


MEMBER = {"pool": "servers", "address": "10.0.0.5", "protocol_port": 80}
VIP = {"address": "192.0.2.80", "protocol_port": 80}
DHCP = {"bridge": "web", "subnet": "10.0.0.0/24"}


@pytest.mark.parametrize(
    ("before", "op", "error", "reason"),
    [
        # MidoNet's catalogue (reference §5.6)
        (Create("dhcp-subnet", DHCP), Create("dhcp-subnet", DHCP), Conflict, "dhcp-subnet-exists"),
        (
            None,
            Create("dhcp-subnet", {**DHCP, "hosts": [{"mac": "02:00:00:00:00:01", "address": "10.0.0.5"}] * 2}),
            Conflict,
            "dhcp-host-exists",
        ),
        (
            Create("bgp-peer", {"router": "edge", "asn": 1, "address": "10.0.0.2"}),
            Create("bgp-peer", {"router": "edge", "asn": 2, "address": "10.0.0.2"}),
            Conflict,
            "bgp-peer-exists",
        ),
        (None, Create("port", {"bridge": "db", "host": "hv1", "interface": "tap0"}), Conflict, "interface-bound"),
        (
            None,
            Update("port", "vm", {"host": "hv2", "interface": "tap0"}, ("host", "interface")),
            Conflict,
            "occupied",
        ),
        (
            Create("ip-addr-group", {"name": "g", "addresses": ["10.0.0.5"]}),
            AddItem("ip-addr-group", "g", "addresses", {"address": "10.0.0.5"}),
            Conflict,
            "ip-in-group",
        ),
        (
            None,
            AddItem("tunnel-zone", "underlay", "members", {"host": "hv1", "address": "172.16.0.9"}),
            Conflict,
            "in-tunnel-zone",
        ),
        (None, Create("tunnel-zone", {"name": "tors"}), Conflict, "tunnel-zone-exists"),
        (None, Create("vtep", {"management_ip": "192.0.2.1"}), Conflict, "vtep-exists"),
        (None, Update("vtep", "tor", {"tunnel_ips": ["172.16.0.1"]}), Conflict, "vtep-has-host-ip"),
        (None, Update("vtep", "tor", {"management_ip": "172.16.0.1"}), Conflict, "vtep-has-host-ip"),
        (
            Create("vtep-binding", {"vtep": "tor", "bridge": "web", "physical_port": "s1", "vlan": 7}),
            Create("vtep-binding", {"vtep": "tor", "bridge": "db", "physical_port": "s1", "vlan": 7}),
            Conflict,
            "vtep-port-vlan-bound",
        ),
        (None, Create("mac-entry", {"bridge": "web", "mac": "zz", "port": "vm"}), InvalidValue, "bad-mac"),
        (None, Create("arp-entry", {"bridge": "web", "ip": "10.0.0", "mac": "zz"}), InvalidValue, "bad-ip"),
        (
            None,
            Create("mac-entry", {"bridge": "db", "mac": "02:00:00:00:00:01", "port": "vm"}),
            InvalidValue,
            "port-not-on-bridge",
        ),
        (
            Update("port", "vm", {"vlan": 7}),
            Create("mac-entry", {"bridge": "web", "mac": "02:00:00:00:00:01", "port": "vm"}),
            InvalidValue,
            "vlan-mismatch",
        ),
        (
            Create("mac-entry", {"bridge": "web", "mac": "02:00:00:00:00:01", "port": "vm"}),
            Update("port", "vm", {"vlan": 7}),
            InvalidValue,
            "vlan-mismatch",
        ),
        (
            None,
            Create("route", {"router": "edge", "dst": "10.9.0.0/16", "port": "vm"}),
            InvalidValue,
            "port-not-on-router",
        ),
        (None, Update("load-balancer", "lb", {"router": "edge"}), InvalidValue, "read-only"),
        (None, Create("port", {"bridge": "web", "vtep": "tor"}), InvalidValue, "read-only"),
        (
            Create("chain", {"name": "c"}),
            Create("rule", {"chain": "c", "action": "drop", "tp_dst": 80, "fragment_policy": "any"}),
            InvalidValue,
            "fragment-policy",
        ),
        (
            Create("chain", {"name": "c"}),
            Create(
                "rule",
                {"chain": "c", "action": "snat", "nat_targets": ["192.0.2.1:1-9"], "fragment_policy": "header"},
            ),
            InvalidValue,
            "fragment-policy",
        ),
        (None, Update("host", "hv1", {"container_weight": -1}), InvalidValue, "bad-value"),
        # and of our own
        (None, Create("dhcp-subnet", {**DHCP, "subnet": "2001:db8::/64"}), InvalidValue, "bad-ipv4-cidr"),
        (None, Create("dhcp-subnet", {**DHCP, "router_port": "vm"}), InvalidValue, "not-a-router-port"),
        (Create("pool-member", MEMBER), Create("pool-member", MEMBER), Conflict, "pool-member-exists"),
        (
            Create("vip", {"pool": "servers", **VIP}),
            Create("vip", {"pool": "others", **VIP}),
            Conflict,
            "vip-exists",
        ),
        (
            None,
            Create("trace-request", {"bridge": "web", "router": "edge", "condition": {}}),
            InvalidValue,
            "one-owner",
        ),
        (
            None,
            Create("mirror", {"to_port": "vm", "conditions": [{"inv_nw_src": True}]}),
            InvalidValue,
            "inverts-nothing",
        ),
        (
            None,
            Create("route", {"router": "edge", "dst": "10.0.0.1/32", "next_hop": "local", "port": "gw"}),
            Conflict,
            "follows-another",
        ),
        (None, Create("tenant", {}), InvalidValue, "needs-name"),
        (
            None,
            Create("bgp-peer", {"router": "edge", "asn": 1, "address": "10.0.0.2", "password": "x"}),
            InvalidValue,
            "no-such-field",
        ),
    ],
)
def test_refusal_has_a_reason_code(world: World, before: Any, op: Any, error: type[MidonetError], reason: str) -> None:
    if before is not None:
        world.run(before)
    refused(world, op, error, reason)


def test_a_condition_turned_round_as_a_whole_still_means_the_same_without_its_port(world: World) -> None:
    world.create("chain", "fw")
    world.create("rule", "always", chain="fw", action="drop", in_ports=["vm"], nw_proto="tcp", conjunction_inv=True)
    world.create("mirror", "tap", to_port="gw", conditions=[{"in_ports": ["vm"]}, {"nw_proto": "udp"}])
    world.delete("port", "vm", cascade=True)
    rule = world.get("rule", "always")
    assert (rule.in_ports, rule.nw_proto, rule.conjunction_inv) == ((), None, False), "it always held, and does"
    assert [condition.nw_proto for condition in world.get("mirror", "tap").conditions] == [17]
