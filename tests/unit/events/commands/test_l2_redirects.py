"""L2 insertions as MidoNet carries them out: chains at both ports, followed packet by packet through their rules."""

from typing import Any, NamedTuple

import pytest
from world import World

from midonet.events.commands.command import Command, Create, Delete, Put, Revert, Update
from midonet.events.commands.decide import decide
from midonet.events.errors import Conflict, InvalidValue, MidonetError
from midonet.events.queries.export import documents
from midonet.events.topology.evolve import invert

VM, PEER = "02:00:00:00:00:01", "02:00:00:00:00:99"
DONE = 1 << 15


@pytest.fixture
def world() -> World:
    """Two stations on a bridge, and ports of three service functions on another one."""
    made = World()
    made.apply(
        {"kind": "bridge", "name": "web", "ports": [{"name": "vm"}, {"name": "other"}]},
        {"kind": "bridge", "name": "functions", "ports": [{"name": "ids"}, {"name": "fw"}, {"name": "dpi"}]},
        {"kind": "router", "name": "edge", "ports": [{"name": "gw"}]},
    )
    return made


def protect(world: World, srv_port: str, port: str = "vm", mac: str = VM, **fields: Any) -> str:
    return world.create("l2-insertion", f"{port}-{srv_port}", port=port, srv_port=srv_port, mac=mac, **fields)


class Packet(NamedTuple):
    """What the rules look at: the port where it entered, its addresses and its VLAN tags, the outer one last."""

    in_port: str
    src: str
    dst: str
    tags: tuple[int, ...] = ()


def rules(world: World, chain: str) -> list[Any]:
    return sorted(world.topology.referrers(chain, "rule", "chain"), key=lambda rule: rule.index)


def step(world: World, chain: str | None, packet: Packet) -> tuple[Any, Packet]:
    """Return the rule that decides and the packet after it; no rule: it is let through as it is."""
    for rule in rules(world, chain) if chain else ():
        if rule.in_ports and packet.in_port not in rule.in_ports:
            continue
        if rule.vlan is not None and rule.vlan not in packet.tags:
            continue
        if (rule.dl_src or packet.src, rule.dl_dst or packet.dst) != (packet.src, packet.dst):
            continue
        if rule.action == "jump":
            found, after = step(world, rule.jump_chain, packet)
            if found is None:
                continue
            return found, after
        tags = packet.tags[:-1] if rule.pop_vlan else packet.tags
        return rule, packet._replace(tags=(*tags, rule.push_vlan) if rule.push_vlan else tags)
    return None, packet


def path(world: World, packet: Packet, chain: str | None) -> tuple[list[tuple[str, tuple[int, ...]]], Packet]:
    """Return the service functions that a packet goes through, each with its tags there, and what comes out."""
    seen: list[tuple[str, tuple[int, ...]]] = []
    for _ in range(20):
        rule, packet = step(world, chain, packet)
        if rule is None or rule.action == "l2-transform":
            return seen, packet
        port = world.topology.find(rule.target_port)
        assert port is not None
        if rule.ingress:
            packet = packet._replace(in_port=port.id)
        elif port.name in ("ids", "fw", "dpi"):
            seen.append((port.name, packet.tags))
            packet = packet._replace(in_port=port.id)
        else:
            return seen, packet
        chain = port.l2insertion_infilter  # type: ignore[attr-defined]  # it is a port
    pytest.fail("it goes round for ever")


def sent(world: World, *tags: int, src: str = VM, port: str = "vm") -> tuple[list[Any], Packet]:
    vm = world.get("port", port)
    return path(world, Packet(vm.id, src, PEER, tags), vm.l2insertion_infilter)


def received(world: World, *tags: int, dst: str = VM, port: str = "vm") -> tuple[list[Any], Packet]:
    vm = world.get("port", port)
    return path(world, Packet(world.get("port", "gw").id, PEER, dst, tags), vm.l2insertion_outfilter)


@pytest.mark.parametrize(
    ("functions", "there", "back"),
    [
        ([("ids", 0, 0)], [("ids", ())], [("ids", ())]),
        ([("ids", 7, 0)], [("ids", (7 | 1 << 13,))], [("ids", (7 | 2 << 13,))]),
        ([("ids", 0, 0), ("fw", 0, 1)], [("ids", ()), ("fw", ())], [("ids", ()), ("fw", ())]),
        (
            [("fw", 3, 2), ("ids", 7, 1), ("dpi", 0, 3)],
            [("ids", (7 | 1 << 13,)), ("fw", (3 | 1 << 13,)), ("dpi", ())],
            [("ids", (7 | 2 << 13,)), ("fw", (3 | 2 << 13,)), ("dpi", ())],
        ),
    ],
    ids=["one", "one with a VLAN", "two", "three, not made in order"],
)
def test_traffic_goes_through_the_functions_in_order(
    world: World, functions: list[tuple[str, int, int]], there: list[Any], back: list[Any]
) -> None:
    for name, vlan, order in functions:
        protect(world, name, vlan=vlan, order=order)
    assert sent(world) == (there, Packet(world.get("port", "vm").id, VM, PEER, ()))
    assert received(world)[0] == back
    assert received(world)[1].tags == ()
    assert sent(world, 12)[1].tags == (12,), "a tag of the station's own stays"
    assert sent(world, src="02:00:00:00:00:55")[0] == [], "another station's traffic is not redirected"


def test_two_stations_share_a_function_by_their_vlans(world: World) -> None:
    protect(world, "ids", vlan=7)
    protect(world, "ids", "other", PEER, vlan=8)
    assert [tags for _, tags in sent(world)[0]] == [(7 | 1 << 13,)]
    assert [tags for _, tags in received(world, dst=PEER, port="other")[0]] == [(8 | 2 << 13,)]
    assert len(rules(world, world.get("port", "ids").l2insertion_infilter)) == 4


def test_generated_rules_equal_those_of_midonet(world: World) -> None:
    protect(world, "ids", vlan=7, fail_open=True)
    vm, ids = world.get("port", "vm"), world.get("port", "ids")
    assert [rule.action for rule in rules(world, vm.l2insertion_infilter)] == ["l2-transform", "redirect", "redirect"]
    assert [rule.action for rule in rules(world, vm.l2insertion_outfilter)] == ["redirect", "redirect"]
    assert [rule.fail_open for rule in rules(world, vm.l2insertion_infilter)] == [False, False, True]
    assert [rule.id for rule in rules(world, ids.l2insertion_infilter)] == [
        world.get("l2-insertion", "vm-ids").srv_rule_in,
        world.get("l2-insertion", "vm-ids").srv_rule_out,
    ]
    assert ids.l2insertion_outfilter is None
    assert world.topology.find(vm.l2insertion_infilter).name == f"InboundRedirect{vm.id}"  # type: ignore[union-attr]


def test_it_follows_every_change_and_leaves_nothing(world: World) -> None:
    before = len(world.topology)
    protect(world, "ids")
    protect(world, "fw", order=5)
    world.set("l2-insertion", "vm-fw", order=0, vlan=9)
    world.set("l2-insertion", "vm-ids", order=3)
    assert [name for name, _ in sent(world)[0]] == ["fw", "ids"]
    world.set("l2-insertion", "vm-ids", srv_port="dpi", mac=VM)
    assert [name for name, _ in received(world)[0]] == ["fw", "dpi"]
    assert world.get("port", "ids").l2insertion_infilter is None
    world.set("l2-insertion", "vm-fw", port="other")
    assert [name for name, _ in sent(world)[0]] == ["dpi"]
    assert [name for name, _ in sent(world, port="other")[0]] == ["fw"]
    world.delete("port", "dpi")
    assert sent(world)[0] == []
    world.delete("bridge", "web", cascade=True)
    assert world.topology.all("chain") == world.topology.all("rule") == {}
    assert len(world.topology) == before - 1 - 3


def test_insertion_is_one_commit_and_one_revert(world: World) -> None:
    protect(world, "ids")
    kept = {entity.id: entity for entity in world.topology}
    decision = world.run(Create("l2-insertion", {"port": "vm", "srv_port": "fw", "mac": VM, "order": 1}))
    assert {event.type for event in decision.events} == {
        *("l2-insertion.created", "rule.created", "rule.updated", "rule.deleted", "chain.created", "port.updated")
    }
    world.run(Revert(1, invert(decision.events)))
    assert {entity.id for entity in world.topology} == kept.keys()
    assert [name for name, _ in sent(world)[0]] == ["ids"]


def test_earlier_insertion_is_kept_under_a_later_one(world: World) -> None:
    first = world.run(Create("l2-insertion", {"port": "vm", "srv_port": "ids", "mac": VM}))
    protect(world, "fw", order=1)
    with pytest.raises(Conflict):
        decide(world.topology, Command("revert", [Revert(1, invert(first.events))]), "tried")


def test_an_insertion_from_before_there_were_chains_gets_them_when_it_changes(world: World) -> None:
    insertion = protect(world, "ids")
    for entity in [entity for entity in world.topology if entity.KIND in ("chain", "rule")]:
        world.topology.swap(entity.id, None)
    world.set("l2-insertion", insertion, fail_open=True)
    assert [name for name, _ in sent(world)[0]] == ["ids"]


def test_derived_objects_are_recreated_by_an_import(world: World) -> None:
    protect(world, "ids", vlan=7)
    protect(world, "fw", order=1)
    exported = documents(world.topology)
    assert "Redirect" not in str(exported)
    assert world.apply(*exported, prune=True).events == []
    copy = World()
    copy.apply(*exported)
    found = {(e.KIND, e.id) for e in copy.topology}
    assert found == {(e.KIND, e.id) for e in world.topology}


def chain_of(world: World) -> Any:
    return world.topology.find(world.get("port", "vm").l2insertion_infilter)


@pytest.mark.parametrize(
    ("op", "error", "reason"),
    [
        (lambda w: Delete("chain", chain_of(w).id), Conflict, "follows-another"),
        (lambda w: Delete("chain", chain_of(w).id, cascade=True), Conflict, "follows-another"),
        (lambda w: Update("chain", chain_of(w).id, {"name": "mine"}), Conflict, "follows-another"),
        (lambda w: Delete("rule", rules(w, chain_of(w).id)[0].id), Conflict, "follows-another"),
        (lambda w: Update("rule", rules(w, chain_of(w).id)[0].id, {"dl_src": PEER}), Conflict, "follows-another"),
        (lambda w: Create("rule", {"chain": chain_of(w).id, "action": "drop"}), Conflict, "follows-another"),
        (lambda w: Put([{"kind": "chain", "name": chain_of(w).name, "rules": []}]), Conflict, "follows-another"),
        (lambda w: Update("port", "other", {"inbound_filter": chain_of(w).id}), Conflict, "follows-another"),
        (lambda _: Update("port", "vm", {"l2insertion_infilter": None}), InvalidValue, "read-only"),
        (lambda _: Create("chain", {"port": "vm"}), InvalidValue, "read-only"),
        (lambda _: Create("l2-insertion", {"port": "vm", "srv_port": "vm", "mac": VM}), InvalidValue, "same-port"),
        (
            lambda _: Create("l2-insertion", {"port": "vm", "srv_port": "gw", "mac": VM}),
            InvalidValue,
            "not-a-bridge-port",
        ),
        (
            lambda _: Create("l2-insertion", {"port": "vm", "srv_port": "ids", "mac": VM, "vlan": 9}),
            Conflict,
            "insertion-exists",
        ),
        (
            lambda _: Create("l2-insertion", {"port": "ids", "srv_port": "fw", "mac": VM}),
            Conflict,
            "protected-and-serving",
        ),
        (
            lambda _: Create("l2-insertion", {"port": "other", "srv_port": "vm", "mac": VM}),
            Conflict,
            "protected-and-serving",
        ),
    ],
)
def test_generated_chain_cannot_be_changed_directly(
    world: World, op: Any, error: type[MidonetError], reason: str
) -> None:
    protect(world, "ids")
    before = {entity.id: entity for entity in world.topology}
    with pytest.raises(error) as caught:
        world.run(op(world))
    assert caught.value.details["reason"] == reason, caught.value.message
    assert {entity.id: entity for entity in world.topology} == before
