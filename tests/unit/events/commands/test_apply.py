"""Applying documents: any order, nested or not, again and again."""

from typing import Any

import pytest
from world import World

from midonet.events.errors import Conflict, InUse, InvalidValue, NotFound

SITE: list[dict[str, Any]] = [
    {"kind": "vtep", "name": "tor", "management_ip": "127.0.0.1", "tunnel_zone": "tz",
     "bindings": [{"physical_port": "s1", "vlan": 10, "bridge": "web"}]},
    {"kind": "tunnel-zone", "name": "tz", "type": "vtep", "members": [{"host": "hv1", "address": "172.16.0.1"}]},
    {"kind": "router", "name": "edge",
     "ports": [{"name": "gw", "addresses": ["10.0.0.1/24"], "peer": "up"}],
     "routes": [{"dst": "10.0.0.0/24", "port": "gw"}, {"dst": "0.0.0.0/0", "next_hop": "blackhole"}]},
    {"kind": "bridge", "name": "web", "inbound_filter": "fw",
     "ports": [{"name": "up"}, {"name": "vm", "host": "hv1", "interface": "tap0"}],
     "macs": [{"mac": "02:00:00:00:00:01", "port": "vm"}],
     "arps": [{"ip": "10.0.0.5", "mac": "02:00:00:00:00:01"}]},
    {"kind": "chain", "name": "fw", "rules": [{"action": "accept", "in_ports": ["vm"]}, {"action": "drop"}]},
    {"kind": "host", "name": "hv1"},
]  # fmt: skip


@pytest.fixture
def world() -> World:
    world = World()
    world.apply(*SITE)
    return world


def test_everything_is_there_whatever_the_order(world: World) -> None:
    other = World()
    other.apply(*reversed(SITE))
    assert len(world.topology) == len(other.topology) == 18
    assert world.get("port", "up").peer == world.get("port", "gw").id
    assert world.get("bridge", "web").vni == 10001


def test_applying_again_changes_nothing(world: World) -> None:
    assert world.apply(*SITE).events == []


def test_only_what_is_written_changes(world: World) -> None:
    world.set("bridge", "web", tenant="acme")
    decision = world.apply({"kind": "bridge", "name": "web", "admin_state_up": False})
    assert [event.data for event in decision.events] == [{"changed": {"admin_state_up": [True, False]}}]


def test_rules_under_a_chain_are_the_whole_list_in_order(world: World) -> None:
    world.apply({"kind": "chain", "name": "fw", "rules": [{"action": "reject"}]})
    assert [rule.action for rule in world.topology.all("rule").values()] == ["reject"]
    world.apply({"kind": "chain", "name": "fw"})
    assert len(world.topology.all("rule")) == 1
    world.apply({"kind": "chain", "name": "fw", "rules": []})
    assert not world.topology.all("rule")


def test_a_rule_at_a_place_takes_over_nothing_of_the_one_that_was_there(world: World) -> None:
    world.create("chain", "other")
    world.apply(
        {"kind": "chain", "name": "fw", "rules": [{"action": "jump", "jump_chain": "other", "nw_proto": "tcp"}]}
    )
    world.apply({"kind": "chain", "name": "fw", "rules": [{"action": "drop"}]})
    (rule,) = world.topology.all("rule").values()
    assert (rule.action, rule.jump_chain, rule.nw_proto) == ("drop", None, None)


def test_prune_deletes_what_is_not_described(world: World) -> None:
    decision = world.apply({"kind": "host", "name": "hv1"}, prune=True)
    assert len(decision.events) == 17
    assert {entity.KIND for entity in world.topology} == {"host"}


def test_prune_refuses_to_take_what_stays_in_use(world: World) -> None:
    with pytest.raises(InUse, match="bridge web"):
        world.apply({"kind": "bridge", "name": "web"}, {"kind": "host", "name": "hv1"}, prune=True)


@pytest.mark.parametrize(
    ("documents", "error", "words"),
    [
        (["x"], InvalidValue, "document 1: expected a mapping"),
        ([{"kind": "bridg"}], InvalidValue, "document 1: kind is 'bridg'"),
        ([{"name": "x"}], InvalidValue, "document 1: kind is None"),
        ([{"kind": "bridge"}], InvalidValue, "needs a name or an id"),
        ([{"kind": "bridge", "name": "a"}, {"kind": "bridge", "name": "a"}], Conflict, "document 1 and document 2"),
        ([{"kind": "bridge", "name": "a", "ports": {}}], InvalidValue, "ports: expected a list"),
        ([{"kind": "bridge", "name": "a", "ports": [{"kind": "rule"}]}], InvalidValue, "document 1, ports 1: kind"),
        ([{"kind": "bridge", "name": "a", "ports": [{"name": "p", "bridge": "web"}]}], InvalidValue, "differs"),
        ([{"kind": "port", "name": "p", "bridge": "nowhere"}], NotFound, r"document 1 \(port p\): bridge: there is no"),
        ([{"kind": "bridge", "name": "web", "vni": 5}], InvalidValue, "allocated"),
        ([{"kind": "bridge", "name": 7}], InvalidValue, "document 1"),
        ([{"kind": "bridge", "id": "zz"}], InvalidValue, "not a UUID"),
        ([{"kind": "rule", "chain": "fw", "action": "drop"}], InvalidValue, "needs a name or an id"),
        ([{1: 2}], InvalidValue, "mapping of fields"),
    ],
)
def test_bad_documents_are_refused_by_their_place(world: World, documents: list[Any], error: type, words: str) -> None:
    before = {entity.id: entity for entity in world.topology}
    with pytest.raises(error, match=words):
        world.apply(*documents)
    assert {entity.id: entity for entity in world.topology} == before


def test_derived_values_may_be_repeated(world: World) -> None:
    assert world.apply({"kind": "bridge", "name": "web", "vni": 10001}).events == []
