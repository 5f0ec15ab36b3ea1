"""What commands come to, and what they are refused for."""

from typing import Any

import pytest
from world import World

from midonet.events.commands.command import AddItem, Create, Delete, Expect, RemoveItem, Update
from midonet.events.commands.decide import decide
from midonet.events.errors import AmbiguousRef, Conflict, InUse, InvalidValue, MidonetError, NotFound, ObjectChanged


@pytest.fixture
def world() -> World:
    """A bridge behind a router, a bound port, a filter, and a VTEP in its zone."""
    world = World()
    world.create("chain", "filter")
    world.create("bridge", "web", inbound_filter="filter")
    world.create("router", "edge")
    world.create("host", "hv1")
    world.create("tunnel-zone", "tz", type="vtep", members=[{"host": "hv1", "address": "172.16.0.1"}])
    world.create("port", "p1", bridge="web")
    world.create("port", "vm", bridge="web", host="hv1", interface="tap0")
    world.create("port", "gw", router="edge", addresses=["10.0.0.1/24"], peer="p1")
    world.create("route", router="edge", dst="10.0.0.0/24", port="gw")
    world.create("vtep", "tor", management_ip="127.0.0.1", tunnel_zone="tz", tunnel_ips=["172.16.0.9"])
    world.create("mac-entry", bridge="web", mac="02:00:00:00:00:AA", port="vm")
    world.create("arp-entry", bridge="web", ip="10.0.0.5", mac="02-00-00-00-00-aa")
    return world


def types(decision: Any) -> list[str]:
    return sorted(event.type for event in decision.events)


def test_values_become_canonical(world: World) -> None:
    (entry,) = world.topology.all("mac-entry").values()
    (arp,) = world.topology.all("arp-entry").values()
    assert entry.mac == arp.mac == "02:00:00:00:00:aa"


def test_a_link_has_two_ends_and_a_word_of_its_own(world: World) -> None:
    assert world.get("port", "p1").peer == world.get("port", "gw").id
    assert types(world.set("port", "gw", peer=None)) == ["port.unlinked", "port.unlinked"]
    assert world.get("port", "p1").peer is None


def test_binding_has_a_word_of_its_own(world: World) -> None:
    assert types(world.set("port", "vm", host=None, interface=None)) == ["port.unbound"]
    assert types(world.set("port", "vm", host="hv1", interface="tap1")) == ["port.bound"]


def test_numbers_are_allocated_in_the_commit(world: World) -> None:
    keys = {entity.tunnel_key for kind in ("bridge", "port") for entity in world.topology.all(kind).values()}
    assert len(keys) == 4
    decision = world.run(Create("vtep-binding", {"vtep": "tor", "physical_port": "s1", "vlan": 10, "bridge": "web"}))
    assert types(decision) == ["bridge.updated", "port.created", "vtep-binding.created"]
    assert world.get("bridge", "web").vni == 10001


def test_a_freed_number_comes_back_late(world: World) -> None:
    world.create("bridge", "b1")
    first = world.get("bridge", "b1").tunnel_key
    world.delete("bridge", "b1")
    world.create("bridge", "b2")
    assert world.get("bridge", "b2").tunnel_key == first + 1


def test_deciding_leaves_the_topology_and_is_repeatable(world: World) -> None:
    from midonet.events.commands.command import Command

    command = Command("x", [Create("bridge", {"name": "new"}), Delete("bridge", "web", cascade=True)])
    before = {entity.id: entity for entity in world.topology}
    first, second = (decide(world.topology, command, "same-id") for _ in range(2))
    assert first.events == second.events
    assert {entity.id: entity for entity in world.topology} == before


@pytest.mark.parametrize(
    ("kind", "ref", "events"),
    [
        ("port", "gw", ["port.deleted", "port.unlinked", "route.deleted", "route.deleted"]),
        (
            "router",
            "edge",
            ["port.deleted", "port.unlinked", "route.deleted", "route.deleted", "router.deleted"],
        ),
        (
            "bridge",
            "web",
            [
                "arp-entry.deleted",
                "bridge.deleted",
                "mac-entry.deleted",
                "port.deleted",
                "port.deleted",
                "port.unlinked",
            ],
        ),
        ("vtep", "tor", ["vtep.deleted"]),
    ],
)
def test_parts_go_with_the_whole(world: World, kind: str, ref: str, events: list[str]) -> None:
    assert types(world.delete(kind, ref)) == events


@pytest.mark.parametrize(
    ("kind", "ref", "referrer", "cascaded"),
    [
        ("chain", "filter", "bridge web", ["bridge.updated", "chain.deleted"]),
        ("host", "hv1", "port vm", ["host.deleted", "port.unbound", "tunnel-zone.member-removed"]),
        ("tunnel-zone", "tz", "vtep tor", ["tunnel-zone.deleted", "vtep.updated"]),
    ],
)
def test_object_in_use_requires_cascade(world: World, kind: str, ref: str, referrer: str, cascaded: list[str]) -> None:
    with pytest.raises(InUse, match=referrer) as refused:
        world.delete(kind, ref)
    assert refused.value.details["referrers"]
    assert types(world.delete(kind, ref, cascade=True)) == cascaded


def test_a_vtep_or_bridge_with_bindings_stays_unless_cascaded(world: World) -> None:
    world.create("vtep-binding", vtep="tor", physical_port="s1", bridge="web")
    for kind, ref in (("vtep", "tor"), ("bridge", "web")):
        with pytest.raises(InUse, match="vtep-binding"):
            world.delete(kind, ref)
    assert "vtep-binding.deleted" in types(world.delete("bridge", "web", cascade=True))


def test_rules_keep_their_places(world: World) -> None:
    for action in ("accept", "drop", "reject"):
        world.create("rule", chain="filter", action=action)
    world.create("rule", chain="filter", action="continue", index=1)
    rules = sorted(world.topology.all("rule").values(), key=lambda rule: rule.index)
    assert [rule.action for rule in rules] == ["continue", "accept", "drop", "reject"]
    world.delete("rule", rules[1].id)
    assert sorted(rule.index for rule in world.topology.all("rule").values()) == [1, 2, 3]
    with pytest.raises(InvalidValue, match="outside of 1 to 4"):
        world.create("rule", chain="filter", action="drop", index=9)


def test_condition_without_remaining_ports_does_not_match_more(world: World) -> None:
    world.create("rule", chain="filter", action="accept", in_ports=["vm"])
    world.create("rule", chain="filter", action="drop", in_ports=["vm"], inv_in_ports=True)
    world.create("rule", chain="filter", action="drop", in_ports=["vm", "p1"])
    with pytest.raises(InUse):
        world.delete("port", "vm")
    world.delete("port", "vm", cascade=True)
    always, rest = sorted(world.topology.all("rule").values(), key=lambda rule: rule.index)
    assert (always.in_ports, always.inv_in_ports) == ((), False)
    assert rest.in_ports == (world.get("port", "p1").id,)


def test_members_come_and_go(world: World) -> None:
    world.create("host", "hv2")
    item = {"host": "hv2", "address": "172.16.0.2"}
    assert types(world.run(AddItem("tunnel-zone", "tz", "members", item))) == ["tunnel-zone.member-added"]
    with pytest.raises(Conflict, match="twice"):
        world.run(AddItem("tunnel-zone", "tz", "members", {"host": "hv2", "address": "172.16.0.3"}))
    assert types(world.run(RemoveItem("tunnel-zone", "tz", "members", {"host": "hv2"}))) == [
        "tunnel-zone.member-removed"
    ]
    with pytest.raises(NotFound):
        world.run(RemoveItem("tunnel-zone", "tz", "members", {"host": "hv2"}))


def test_references_are_found_by_id_name_path_and_prefix(world: World) -> None:
    web = world.get("bridge", "web")
    world.create("bridge", "db")
    world.create("port", "p1", bridge="db")
    with pytest.raises(AmbiguousRef, match="matches 2") as refused:
        world.set("port", "p1", admin_state_up=False)
    assert len(refused.value.details["candidates"]) == 2
    world.set("port", "db/p1", admin_state_up=False)
    for ref in (web.id, web.id.upper(), web.id[:8], "web"):
        assert world.set("bridge", ref, tenant=ref).object.id == web.id  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("op", "error", "words"),
    [
        (Create("bridge", {"nme": "x"}), InvalidValue, "no field nme"),
        (Create("bridg", {}), NotFound, "no kind"),
        (Create("bridge", {"name": "x", "vni": 7}), InvalidValue, "allocated"),
        (Create("bridge", {"name": "x", "id": "7"}), InvalidValue, "not a UUID"),
        (Create("bridge", {"name": "a\nb"}), InvalidValue, "control"),
        (Create("bridge", {"name": "x" * 256}), InvalidValue, "length 255 or less"),
        (Create("bridge", {"admin_state_up": "yes"}), InvalidValue, "expected true or false"),
        (Create("port", {"bridge": "web", "router": "edge"}), InvalidValue, "exactly one"),
        (Create("port", {}), InvalidValue, "exactly one"),
        (Create("port", {"bridge": "wbe"}), NotFound, "did you mean web"),
        (Create("port", {"bridge": "web", "host": "hv1"}), InvalidValue, "interface is missing"),
        (Create("port", {"bridge": "web", "host": "hv1", "interface": "tap0"}), Conflict, "same host and interface"),
        (Create("port", {"bridge": "web", "host": "hv1", "interface": "a b"}), InvalidValue, "not a name"),
        (Create("port", {"bridge": "web", "vlan": 4096}), InvalidValue, "of 4095 or less"),
        (Create("port", {"bridge": "web", "mac": "02:00:00:00:00:01"}), InvalidValue, "only a router port"),
        (Create("port", {"router": "edge", "addresses": ["10.0.0.1"]}), InvalidValue, "prefix length"),
        (Create("port", {"bridge": "web", "peer": "p1"}), Conflict, "linked to another port"),
        (Update("port", "vm", {"peer": "gw"}), Conflict, "bound to a host and linked"),
        (Update("port", "gw", {"peer": "vm"}, ("peer",)), Conflict, "already"),
        (Update("port", "vm", {"bridge": None}), InvalidValue, "cannot move"),
        (Update("bridge", "web", {"tunnel_key": 5}), InvalidValue, "allocated"),
        (Update("bridge", "nothing", {}), NotFound, "no bridge"),
        (Create("route", {"router": "edge", "dst": "10.0.0.0/33"}), InvalidValue, "CIDR"),
        (Create("route", {"router": "edge", "dst": "10.0.0.1/24"}), InvalidValue, "host bits"),
        (Create("route", {"router": "edge", "dst": "10.1.0.0/24"}), InvalidValue, "needs a port"),
        (Create("route", {"router": "edge", "dst": "10.1.0.0/24", "port": "vm"}), InvalidValue, "same router"),
        (Create("route", {"router": "edge"}), InvalidValue, "needs dst"),
        (Create("rule", {"chain": "filter", "action": "jump"}), InvalidValue, "jump_chain"),
        (Create("rule", {"chain": "filter", "action": "dnat"}), InvalidValue, "nat_targets"),
        (Create("rule", {"chain": "filter", "action": "fly"}), InvalidValue, "action"),
        (Create("rule", {"chain": "filter", "action": "drop", "inv_nw_src": True}), InvalidValue, "not set"),
        (Create("rule", {"chain": "filter", "action": "drop", "tp_dst": "99999"}), InvalidValue, "transport port"),
        (Create("rule", {"chain": "filter", "action": "drop", "nw_proto": "tpc"}), InvalidValue, "IP protocol"),
        (Create("tunnel-zone", {"name": "tz"}), Conflict, "same name"),
        (Create("tunnel-zone", {}), InvalidValue, "needs a name"),
        (Create("vtep", {"management_ip": "127.0.0.1"}), Conflict, "same management_ip"),
        (Create("vtep", {"management_ip": "::g"}), InvalidValue, "not an IP"),
        (Update("tunnel-zone", "tz", {"type": "gre"}), InvalidValue, "not vtep"),
        (Create("mac-entry", {"bridge": "web", "mac": "01:00:5e:00:00:01", "port": "vm"}), InvalidValue, "group"),
        (Create("mac-entry", {"bridge": "web", "mac": "02:00:00:00:00:aa", "port": "vm"}), Conflict, "same bridge"),
        (Create("mac-entry", {"bridge": "web", "mac": "02:00:00:00:00:ab", "port": "gw"}), InvalidValue, "same bridge"),
        (Delete("vtep-binding", where={"vtep": "tor", "physical_port": "s1", "vlan": 0}), NotFound, "no vtep-binding"),
    ],
)
def test_nonsense_is_refused_with_words_and_changes_nothing(
    world: World, op: Any, error: type[MidonetError], words: str
) -> None:
    before = {entity.id: entity for entity in world.topology}
    with pytest.raises(error, match=words):
        world.run(op)
    assert {entity.id: entity for entity in world.topology} == before


def test_a_command_may_expect_an_object_as_it_was_seen(world: World) -> None:
    seen = world.get("bridge", "web").position
    assert types(world.run(Expect("bridge", "web", seen), Update("bridge", "web", {"tenant": "a"}))) == [
        "bridge.updated"
    ]
    with pytest.raises(ObjectChanged, match="was last changed by position") as caught:
        world.run(Expect("bridge", "web", seen), Delete("bridge", "web", cascade=True))
    assert caught.value.details["expected"] == seen
    assert world.get("bridge", "web").tenant == "a"
