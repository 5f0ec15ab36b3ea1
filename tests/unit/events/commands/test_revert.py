"""Taking back one commit: what comes back, and each thing that may stand against it."""

from typing import Any

import pytest
from world import World

from midonet.events.commands.command import Create, Delete, Revert
from midonet.events.commands.decide import Decision
from midonet.events.commit import Event
from midonet.events.errors import Conflict
from midonet.events.topology.evolve import invert


def revert(world: World, decision: Decision) -> list[Event]:
    return world.run(Revert(1, invert(decision.events))).events


def conflicts(world: World, decision: Decision) -> list[dict[str, Any]]:
    before = {entity.id: entity for entity in world.topology}
    with pytest.raises(Conflict) as caught:
        revert(world, decision)
    assert {entity.id: entity for entity in world.topology} == before
    found: list[dict[str, Any]] = caught.value.details["conflicts"]
    return found


@pytest.fixture
def world() -> World:
    world = World()
    world.create("bridge", "web")
    world.create("port", "p1", bridge="web")
    world.create("host", "hv1")
    world.create("tunnel-zone", "underlay", members=[{"host": "hv1", "address": "172.16.0.1"}])
    world.create("chain", "in")
    for action in ("accept", "drop", "reject"):
        world.create("rule", chain="in", action=action)
    return world


def test_a_deleted_bridge_comes_back_with_its_ports_ids_and_numbers(world: World) -> None:
    bridge, port = world.get("bridge", "web"), world.get("port", "p1")
    events = revert(world, world.delete("bridge", "web"))
    assert [event.type for event in events] == ["port.created", "bridge.created"]
    for was, now in ((bridge, world.get("bridge", "web")), (port, world.get("port", "p1"))):
        assert (was.id, was.tunnel_key) == (now.id, now.tunnel_key)


def test_a_deleted_rule_comes_back_to_its_place(world: World) -> None:
    rule = next(iter(world.topology.all("rule")))
    revert(world, world.delete("rule", rule))
    assert world.topology.find(rule).index == 1  # type: ignore[union-attr]


def test_the_words_are_those_of_the_domain(world: World) -> None:
    bound = world.set("port", "p1", host="hv1", interface="tap1")
    assert [event.type for event in revert(world, bound)] == ["port.unbound"]


def test_a_revert_is_reverted(world: World) -> None:
    deleted = world.delete("bridge", "web")
    back = world.run(Revert(1, invert(deleted.events)))
    revert(world, back)
    assert not world.topology.all("bridge")


def test_fields_changed_since_are_listed_one_by_one(world: World) -> None:
    first = world.set("bridge", "web", name="www", tenant="acme")
    world.set("bridge", "www", name="shop", tenant="umbrella")
    found = conflicts(world, first)
    assert [(c["field"], c["expected"], c["actual"]) for c in found] == [
        ("name", "www", "shop"),
        ("tenant", "acme", "umbrella"),
    ]


def test_other_fields_may_have_changed(world: World) -> None:
    first = world.set("bridge", "web", name="www")
    world.set("bridge", "www", tenant="acme")
    revert(world, first)
    assert world.get("bridge", "web").tenant == "acme"


def test_revert_on_a_deleted_object_conflicts(world: World) -> None:
    renamed = world.set("bridge", "web", name="www")
    world.delete("bridge", "www")
    assert "is gone" in conflicts(world, renamed)[0]["message"]


def test_revert_does_not_overwrite_a_recreated_object(world: World) -> None:
    host = world.get("host", "hv1").id
    deleted = world.delete("host", "hv1")
    world.create("host", "other", id=host)
    assert "exists again" in conflicts(world, deleted)[0]["message"]


def test_object_in_use_is_not_deleted(world: World) -> None:
    created = world.run(Create("chain", {"name": "out"}))
    world.set("bridge", "web", outbound_filter="out")
    (found,) = conflicts(world, created)
    assert found["code"] == "in-use"
    assert found["referrers"][0]["name"] == "web"


def test_parts_that_came_later_are_not_deleted(world: World) -> None:
    created = world.run(Create("router", {"name": "edge"}))
    world.create("port", "up", router="edge")
    assert conflicts(world, created)[0]["code"] == "in-use"


def test_referenced_object_must_exist(world: World) -> None:
    world.create("chain", "out")
    world.set("bridge", "web", outbound_filter="out")
    cleared = world.set("bridge", "web", outbound_filter=None)
    world.delete("chain", "out")
    assert "there is no chain" in conflicts(world, cleared)[0]["message"]


def test_reallocated_number_is_not_reclaimed(world: World) -> None:
    port = world.get("port", "p1")
    deleted = world.delete("port", "p1")
    world.topology.last_allocated["tunnel-key"] = port.tunnel_key - 1
    other = world.create("port", "p2", bridge="web")
    (found,) = conflicts(world, deleted)
    assert (found["field"], found["other"]) == ("tunnel_key", other)


def test_a_unique_name_that_went_to_another_stays_there(world: World) -> None:
    world.create("tunnel-zone", "fabric")
    deleted = world.delete("tunnel-zone", "fabric")
    other = world.create("tunnel-zone", "fabric")
    assert conflicts(world, deleted)[0]["other"] == other


def test_rules_keep_their_places(world: World) -> None:
    deleted = world.run(Delete("rule", where={"chain": "in", "index": 3}))
    world.create("rule", chain="in", action="return")
    assert any("index" in found["fields"] for found in conflicts(world, deleted))


def test_a_bridge_keeps_its_vni_while_it_is_bound(world: World) -> None:
    world.create("vtep", "tor1", management_ip="192.0.2.10")
    first = world.run(Create("vtep-binding", {"vtep": "tor1", "physical_port": "eth1", "bridge": "web"}))
    world.create("vtep-binding", vtep="tor1", physical_port="eth2", bridge="web")
    assert any("vni" in found["fields"] for found in conflicts(world, first))
