"""Commands of kinds beyond bridges and routers."""

from typing import Any

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""


def types(written: dict[str, list[dict[str, str]]]) -> list[str]:
    return [event["type"] for event in written["events"]]


def test_groups_gain_and_lose_members(network: Midoctl) -> None:
    network.ok("port-group", "create", "uplinks", "--stateful")
    assert types(network.ok("port-group", "add-port", "uplinks", "edge/gw")) == ["port-group.port-added"]
    assert network.refused(3, "port-group", "add-port", "uplinks", "gw")["details"]["reason"] == "port-in-group"
    assert types(network.ok("port-group", "remove-port", "uplinks", "gw")) == ["port-group.port-removed"]
    network.ok("ip-addr-group", "create", "trusted", "--addresses", "10.0.0.5,10.0.0.6")
    added = network.ok("ip-addr-group", "add-address", "trusted", "10.0.0.7", "--ports", "p1,p2")
    assert len(added["object"]["addresses"][2]["ports"]) == 2
    assert network.ok("ip-addr-group", "remove-address", "trusted", "10.0.0.5")["object"]["addresses"][0] == {
        "address": "10.0.0.6",
        "ports": [],
    }
    network.ok("host-group", "create", "rack")
    assert types(network.ok("host-group", "add-host", "rack", "hv1")) == ["host-group.host-added"]
    assert types(network.ok("host-group", "remove-host", "rack", "hv1")) == ["host-group.host-removed"]


def test_a_load_balancer_is_created_and_deleted(network: Midoctl) -> None:
    network.ok("load-balancer", "create", "lb")
    network.ok("pool", "create", "servers", "--load-balancer", "lb")
    member = ("servers", "--address", "10.0.0.5", "--protocol-port", "80")
    assert network.ok("pool", "add-member", *member, "--weight", "2")["object"]["weight"] == 2
    network.ok("vip", "create", "--pool", "servers", "--address", "192.0.2.80", "--protocol-port", "80")
    network.ok("router", "set", "edge", "--load-balancer", "lb")
    assert network.refused(3, "router", "delete", "edge")["code"] == "in-use"
    network.ok("pool", "remove-member", *member)
    gone = types(network.ok("load-balancer", "delete", "lb"))
    assert sorted(gone) == ["load-balancer.deleted", "pool.deleted", "router.updated", "vip.deleted"]
    assert network.ok("router", "show", "edge")["load_balancer"] is None


def test_conditions_are_given_part_by_part(network: Midoctl) -> None:
    network.ok("mirror", "create", "tap", "--to-port", "p1", "--conditions", "nw_proto=tcp,in_ports=p2")
    (condition,) = network.ok("mirror", "show", "tap")["conditions"]
    assert condition == {"nw_proto": 6, "in_ports": [network.ok("port", "show", "p2")["id"]]}
    traced = network.ok("trace-request", "create", "why", "--port", "p1", "--condition", '{"dl_type": "arp"}')
    assert traced["object"]["condition"] == {"dl_type": 0x0806}
    assert network.refused(3, "port", "delete", "p2")["details"]["referrers"][0]["field"] == "conditions.in_ports"


def test_no_password_enters_the_log(network: Midoctl) -> None:
    peer = ("--router", "edge", "--asn", "64513", "--address", "10.0.0.2")
    assert network("bgp-peer", "create", *peer, "--password", "s3cret").status == 2
    assert network.ok("bgp-peer", "create", *peer, "--password-ref", "isp")["object"]["password_ref"] == "isp"  # noqa: S105 - a name, not a password
