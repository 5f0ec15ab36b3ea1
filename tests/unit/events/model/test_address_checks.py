"""Addresses are refused where they cannot have the role that they are given, and families are not mixed."""

from typing import Any

import pytest
from world import World

from midonet.events.commands.command import Create
from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.chain import NatTarget
from midonet.events.model.fields import canonical_mac

MAC = "02:00:5e:10:00:01"


@pytest.fixture
def world() -> World:
    """A router with a port in 10.0.0.0/24 and 2001:db8::/64, a bridge and a chain."""
    made = World()
    made.apply(
        {"kind": "router", "name": "edge", "ports": [{"name": "gw", "addresses": ["10.0.0.1/24", "2001:db8::1/64"]}]},
        {"kind": "bridge", "name": "web"},
        {"kind": "chain", "name": "policy"},
        {"kind": "host", "name": "hv1"},
        {"kind": "vtep", "name": "tor", "management_ip": "192.0.2.1", "tunnel_ips": ["192.0.2.11"]},
    )
    return made


def refusal(world: World, kind: str, **fields: Any) -> str:
    """Return the reason for which an object is refused."""
    with pytest.raises((InvalidValue, Conflict)) as refused:
        world.run(Create(kind, fields))
    return str(refused.value.details["reason"])


@pytest.mark.parametrize(
    "written",
    ["02:00:5e:10:00:01", "02-00-5E-10-00-01", "0200.5e10.0001", "0200-5E10-0001", "02005e100001", f" {MAC} "],
)
def test_every_notation_of_a_mac_is_stored_in_one_form(world: World, written: str) -> None:
    assert canonical_mac(written) == MAC
    world.run(Create("arp-entry", {"bridge": "web", "ip": "10.0.0.9", "mac": written}))
    assert [entry.mac for entry in world.topology.all("arp-entry").values()] == [MAC]


@pytest.mark.parametrize(
    "written", ["02:00-5e:10:00:01", "0200.5e10-0001", "02:00:5e:10:00", "02005e10000", 20, True, None, "", "x" * 10**6]
)
def test_invalid_mac_is_refused_in_one_line(written: object) -> None:
    with pytest.raises(ValueError, match="is not a MAC address") as refused:
        canonical_mac(written)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("address", ["fe80::1%eth0", "fe80::1%\x1b[31m", "2001:db8::1%1"])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("arp-entry", {"bridge": "web", "mac": MAC, "ip": "{}"}),
        ("port", {"router": "edge", "addresses": ["{}/64"]}),
        ("route", {"router": "edge", "dst": "{}/128", "next_hop": "blackhole"}),
        ("vtep", {"management_ip": "{}"}),
        ("bgp-peer", {"router": "edge", "asn": 1, "address": "{}"}),
        ("rule", {"chain": "policy", "action": "drop", "nw_src": "{}/128"}),
        ("rule", {"chain": "policy", "action": "dnat", "nat_targets": ["{}"]}),
        ("tunnel-zone", {"name": "z", "members": [{"host": "hv1", "address": "{}"}]}),
        ("ip-addr-group", {"name": "g", "addresses": ["{}"]}),
    ],
)
def test_scopes_of_addresses_are_refused(world: World, kind: str, fields: dict[str, Any], address: str) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        return value.format(address) if isinstance(value, str) else value

    assert refusal(world, kind, **filled(fields)).startswith("bad-")


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "::FFFF:a00:1"])
def test_an_ipv4_address_has_one_notation(world: World, address: str) -> None:
    assert refusal(world, "vtep", management_ip=address) == "bad-ip"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("10.0.0.1", ("10.0.0.1", None, None)),
        ("10.0.0.1-10.0.0.9:80-90", ("10.0.0.1", "10.0.0.9", "80-90")),
        ("2001:db8::1", ("2001:db8::1", None, None)),
        ("2001:db8::1-2001:db8::9", ("2001:db8::1", "2001:db8::9", None)),
        ("[2001:db8::1]", ("2001:db8::1", None, None)),
        ("[2001:db8::1]:80", ("2001:db8::1", None, "80")),
        ("[2001:db8::1-2001:db8::9]:1024-2047", ("2001:db8::1", "2001:db8::9", "1024-2047")),
        ("[2001:db8::1]-[2001:db8::9]:80", ("2001:db8::1", "2001:db8::9", "80")),
    ],
)
def test_nat_targets_are_written_in_both_ip_versions(
    world: World, text: str, target: tuple[str, str | None, str | None]
) -> None:
    assert tuple(NatTarget.from_text(text).values()) == target
    world.run(
        Create("rule", {"chain": "policy", "action": "dnat", "nat_targets": [text], "fragment_policy": "unfragmented"})
    )
    (rule,) = world.topology.all("rule").values()
    assert rule.nat_targets == (NatTarget(address_from=target[0], address_to=target[1], ports=target[2]),)


@pytest.mark.parametrize(
    "text", ["[2001:db8::1]80", "2001:db8::1:80:", "10.0.0.1:80:90", "[10.0.0.1", "]:80", ":80", ""]
)
def test_malformed_nat_targets_are_refused(world: World, text: str) -> None:
    reason = refusal(world, "rule", chain="policy", action="dnat", nat_targets=[text], fragment_policy="unfragmented")
    assert reason in ("bad-ip", "bad-port-range")


@pytest.mark.parametrize(
    "terms",
    [
        {"nw_src": "10.0.0.0/8", "nw_dst": "2001:db8::/32"},
        {"nw_src": "10.0.0.0/8", "inv_nw_src": True, "nw_dst": "2001:db8::/32"},
        {"dl_type": "ipv6", "nw_src": "10.0.0.0/8"},
        {"dl_type": "ipv4", "nw_dst": "2001:db8::/32"},
        {"dl_type": "arp", "nw_dst": "2001:db8::/32"},
        {"nw_proto": "icmpv6", "nw_src": "10.0.0.0/8"},
        {"nw_proto": "icmp", "dl_type": "ipv6"},
        {"action": "snat", "nat_targets": ["2001:db8::1"], "nw_src": "10.0.0.0/8"},
        {"action": "dnat", "nat_targets": ["2001:db8::1", "10.0.0.1"], "fragment_policy": "unfragmented"},
    ],
)
def test_a_rule_is_of_one_ip_version(world: World, terms: dict[str, Any]) -> None:
    assert refusal(world, "rule", **{"chain": "policy", "action": "drop"} | terms) == "ip-versions-differ"


@pytest.mark.parametrize("terms", [{"nw_proto": "tcp"}, {"tp_dst": "80"}, {"tp_src": "1", "nw_proto": 1}])
def test_arp_has_no_transport_header(world: World, terms: dict[str, Any]) -> None:
    assert refusal(world, "rule", chain="policy", action="drop", dl_type="arp", **terms) == "not-for-arp"


@pytest.mark.parametrize(
    "terms",
    [
        {"dl_type": "arp", "nw_proto": 2, "nw_src": "10.0.0.0/8"},
        {"dl_type": "arp", "inv_dl_type": True, "tp_dst": "80"},
        {"dl_type": "ipv6", "inv_dl_type": True, "nw_src": "10.0.0.0/8"},
        {"nw_proto": "icmpv6", "nw_dst": "ff02::/16"},
        {"nw_proto": "icmp", "inv_nw_proto": True, "nw_dst": "2001:db8::/32"},
    ],
)
def test_terms_that_packets_can_meet_are_accepted(world: World, terms: dict[str, Any]) -> None:
    world.run(Create("rule", {"chain": "policy", "action": "drop", **terms}))


def test_the_source_of_an_ipv6_route_is_ipv6(world: World) -> None:
    world.run(Create("route", {"router": "edge", "dst": "2001:db8:1::/48", "next_hop": "blackhole"}))
    assert [route.src for route in world.topology.all("route").values() if route.next_hop == "blackhole"] == ["::/0"]
    reason = refusal(world, "route", router="edge", dst="2001:db8:2::/48", src="10.0.0.0/8", next_hop="blackhole")
    assert reason == "ip-versions-differ"


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (["10.0.0.1/24"], "address-on-router"),
        (["10.0.0.7/16"], "address-on-router"),
        (["2001:db8::7/48"], "address-on-router"),
        (["10.1.0.1/24", "10.1.0.1/16"], "address-on-router"),
        (["224.0.0.1/24"], "not-a-host-address"),
        (["ff02::1/64"], "not-a-host-address"),
        (["0.0.0.0/8"], "not-a-host-address"),
        (["::/64"], "not-a-host-address"),
        (["10.1.0.0/24"], "not-a-host-address"),
        (["10.1.0.255/24"], "not-a-host-address"),
        (["255.255.255.255/32"], "not-a-host-address"),
    ],
)
def test_a_router_port_has_host_addresses_of_its_own_prefix(world: World, addresses: list[str], reason: str) -> None:
    assert refusal(world, "port", router="edge", addresses=addresses) == reason


@pytest.mark.parametrize(
    "addresses", [["10.1.0.0/31"], ["10.1.0.1/32"], ["10.1.0.1/24", "10.1.0.2/24"], ["2001:db8:1::/64"]]
)
def test_point_to_point_and_secondary_addresses_are_accepted(world: World, addresses: list[str]) -> None:
    world.run(Create("port", {"router": "edge", "addresses": addresses}))


@pytest.mark.parametrize("gateway", ["10.9.0.1", "2001:db8:9::1", "224.0.0.5"])
def test_a_gateway_is_in_a_prefix_of_its_port(world: World, gateway: str) -> None:
    dst = "::/0" if ":" in gateway else "0.0.0.0/0"
    reason = refusal(world, "route", router="edge", dst=dst, port="gw", gateway=gateway)
    assert reason in ("gateway-not-in-subnet", "not-a-host-address")


def test_addresses_cannot_leave_the_gateway_of_a_route_behind(world: World) -> None:
    world.run(Create("route", {"router": "edge", "dst": "0.0.0.0/0", "port": "gw", "gateway": "10.0.0.254"}))
    world.run(Create("route", {"router": "edge", "dst": "::/0", "port": "gw", "gateway": "fe80::1"}))
    with pytest.raises(InvalidValue) as refused:
        world.set("port", "gw", addresses=["10.7.0.1/24"])
    assert refused.value.details["reason"] == "gateway-not-in-subnet"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"gateway": "10.8.0.1"}, "gateway-not-in-subnet"),
        ({"hosts": [{"mac": MAC, "address": "10.8.0.9"}]}, "address-not-in-subnet"),
        ({"hosts": [{"mac": MAC, "address": "10.7.0.255"}]}, "not-a-host-address"),
        ({"dns_servers": ["224.0.0.1"]}, "not-a-host-address"),
    ],
)
def test_dhcp_addresses_are_in_the_subnet(world: World, fields: dict[str, Any], reason: str) -> None:
    assert refusal(world, "dhcp-subnet", bridge="web", subnet="10.7.0.0/24", **fields) == reason


@pytest.mark.parametrize("vlan", [4095, "4095"])
def test_the_reserved_vlan_is_refused(world: World, vlan: object) -> None:
    assert refusal(world, "port", bridge="web", vlan=vlan) == "bad-vlan-id"


@pytest.mark.parametrize("address", ["224.0.0.1", "::", "255.255.255.255", "ff02::1"])
@pytest.mark.parametrize("kind", ["vtep", "tunnel-zone", "arp-entry"])
def test_hosts_and_switches_have_host_addresses(world: World, kind: str, address: str) -> None:
    fields: dict[str, dict[str, Any]] = {
        "vtep": {"management_ip": address},
        "tunnel-zone": {"name": "z", "members": [{"host": "hv1", "address": address}]},
        "arp-entry": {"bridge": "web", "ip": address, "mac": MAC},
    }
    assert refusal(world, kind, **fields[kind]) == "not-a-host-address"


def test_no_switch_is_managed_by_a_link_local_address(world: World) -> None:
    assert refusal(world, "vtep", management_ip="169.254.169.254") == "not-a-host-address"


def test_two_vteps_never_have_one_tunnel_address(world: World) -> None:
    assert refusal(world, "vtep", management_ip="192.0.2.2", tunnel_ips=["192.0.2.11"]) == "tunnel-ip-taken"
