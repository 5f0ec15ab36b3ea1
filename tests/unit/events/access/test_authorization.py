"""Who may read and change what, as a table; property tests cover random commands."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from world import World

from midonet.events.access.authorization import Principal, redact_ids
from midonet.events.access.restricted_topology import RestrictedTopology
from midonet.events.commands.command import (
    Command,
    Create,
    Delete,
    DropUser,
    Enable,
    Op,
    Pause,
    Put,
    Revert,
    SetTag,
    SetUser,
    Update,
)
from midonet.events.commands.decide import decide
from midonet.events.errors import Denied, InvalidValue, MidonetError, NotFound
from midonet.events.model.port import Port
from midonet.events.queries.describe import describe
from midonet.events.queries.names import Names
from midonet.events.system.user import User
from midonet.events.topology.evolve import invert

ADMIN, OPERATOR, READER = (Principal(role, [role]) for role in ("admin", "operator", "reader"))
ACME = Principal("ann", ["tenant-admin@acme"])
GUEST = Principal("gus", ["reader@acme"])
AGENT = Principal("hv1", ["agent"])


@pytest.fixture
def world() -> World:
    """Two tenants, a provider, a host, and a link between each tenant's router and the provider's."""
    world = World()
    world.create("router", "provider")
    world.create("host", "hv1")
    world.create("qos-policy", "everyone", shared=True)
    world.create("tunnel-zone", "tz", type="vxlan")
    for number, tenant in enumerate(("acme", "beta")):
        world.create("bridge", f"{tenant}-net", tenant=tenant)
        world.create("router", f"{tenant}-gw", tenant=tenant)
        world.create("chain", f"{tenant}-fw", tenant=tenant)
        world.create("port", f"{tenant}-p", bridge=f"{tenant}-net")
        world.create("port", f"{tenant}-up", router=f"{tenant}-gw", addresses=["10.0.0.2/30"])
        world.create(
            "port", f"provider-{tenant}", router="provider", peer=f"{tenant}-up", addresses=[f"10.0.{number}.1/30"]
        )
    world.set("bridge", "beta-net", inbound_filter="beta-fw")
    return world


def tried(world: World, principal: Principal, *ops: Op) -> Sequence[Any]:
    return decide(world.topology, Command("test", list(ops)), "an-id", principal).events


@pytest.mark.parametrize(
    ("principal", "op", "refusal"),
    [
        (ADMIN, Create("host", {"name": "hv2"}), None),
        (ADMIN, SetUser("bob", ("reader",), new=True), None),
        (OPERATOR, Create("host", {"name": "hv2"}), None),
        (OPERATOR, Pause("nsdb"), None),
        (OPERATOR, SetUser("bob", ("admin",), new=True), Denied),
        (READER, Create("bridge", {"name": "b"}), Denied),
        (AGENT, Create("bridge", {"name": "b"}), Denied),
        (GUEST, Update("bridge", "acme-net", {"admin_state_up": False}), Denied),
        (ACME, Create("bridge", {"name": "b", "tenant": "acme"}), None),
        (ACME, Create("bridge", {"name": "b"}), Denied),
        (ACME, Create("bridge", {"name": "b", "tenant": "beta"}), Denied),
        (ACME, Update("bridge", "acme-net", {"inbound_filter": "acme-fw"}), None),
        (ACME, Update("bridge", "acme-net", {"qos_policy": "everyone"}), None),
        (ACME, Update("qos-policy", "everyone", {"shared": False}), Denied),
        (ACME, Update("bridge", "acme-net", {"inbound_filter": "beta-fw"}), NotFound),
        (ACME, Update("bridge", "acme-net", {"tenant": "beta"}), Denied),
        (ACME, Update("bridge", "beta-net", {"tenant": "acme"}), NotFound),
        (ACME, Delete("bridge", "beta-net"), NotFound),
        (ACME, Delete("bridge", "acme-net"), None),
        (ACME, Create("port", {"bridge": "acme-net"}), None),
        (ACME, Create("port", {"bridge": "beta-net"}), NotFound),
        (ACME, Create("port", {"name": "x", "router": "acme-gw", "peer": "beta-up"}), NotFound),
        (ACME, Update("port", "acme-p", {"host": "hv1", "interface": "tap0"}), NotFound),
        (ACME, Create("host", {"name": "hv2"}), Denied),
        (ACME, Create("tenant", {"name": "acme"}), Denied),
        (ACME, Update("tunnel-zone", "tz", {"name": "mine"}), NotFound),
        (ACME, Pause("nsdb"), Denied),
        (ACME, Enable("vtep", enabled=False), Denied),
        (ACME, SetTag("t", 0, "0" * 64, ""), Denied),
        (ACME, SetUser("ann", ("admin",), new=True), Denied),
        (ACME, DropUser("root"), NotFound),
        (ACME, Delete("router", "acme-gw"), Denied),  # the provider's port would lose its peer
        (ACME, Put([{"kind": "bridge", "name": "beta-net", "tenant": "acme"}]), None),  # another one of that name
        (ACME, Put([], prune=True), Denied),  # as above
    ],
)
def test_command_is_authorized_by_its_effect(
    world: World, principal: Principal, op: Op, refusal: type[MidonetError] | None
) -> None:
    before = sorted(msgspec.json.encode(entity) for entity in world.topology)
    if refusal is None:
        assert tried(world, principal, op)
    else:
        with pytest.raises(refusal) as raised:
            tried(world, principal, op)
        assert type(raised.value) is refusal
    assert sorted(msgspec.json.encode(entity) for entity in world.topology) == before


def test_another_tenants_object_is_refused_exactly_as_one_that_does_not_exist(world: World) -> None:
    beta = world.get("bridge", "beta-net").id
    unknown = "00000000-0000-4000-8000-000000000000"
    said = []
    for ref in (beta, unknown, "beta-net", "nothing"):
        with pytest.raises(NotFound) as raised:
            tried(world, ACME, Delete("bridge", ref))
        said.append(raised.value.message.replace(ref, "REF"))
    assert said[0] == said[1]
    assert "beta" not in said[2]


def test_a_revert_is_judged_by_what_it_comes_to(world: World) -> None:
    theirs = world.set("bridge", "beta-net", admin_state_up=False).events
    with pytest.raises(Denied):
        tried(world, ACME, Revert(1, invert(theirs)))
    own = world.set("bridge", "acme-net", admin_state_up=False).events
    assert tried(world, ACME, Revert(2, invert(own)))


def test_refusal_does_not_disclose_hidden_objects(world: World) -> None:
    world.set("bridge", "beta-net", outbound_filter="acme-fw")  # an operator lent it
    with pytest.raises(Denied) as raised:
        tried(world, ACME, Delete("chain", "acme-fw"))
    assert "beta" not in str(raised.value.message)
    assert world.get("bridge", "beta-net").id not in f"{raised.value.message} {raised.value.details}"


def test_a_view_shows_ones_own_and_what_is_shared_without_ids_of_anything_else(world: World) -> None:
    view = RestrictedTopology(world.topology, GUEST, redact=True)
    assert {entity.name for entity in view if entity.name} == {
        "acme-net", "acme-gw", "acme-fw", "acme-p", "acme-up", "everyone",
    }  # fmt: skip
    (shown,) = view.named("port", "acme-up")
    assert isinstance(shown, Port)
    assert shown.peer is None
    assert world.get("port", "acme-up").peer is not None
    assert view.find(world.get("bridge", "beta-net").id) is None
    assert {entity.name for entity in RestrictedTopology(world.topology, AGENT)} == {"hv1", "tz"} | {"everyone"}


def test_users_are_notes_with_a_history() -> None:
    world = World()

    def told(op: Op) -> list[str]:
        return [describe(event, Names()) for event in world.run(op).events]

    assert told(SetUser("ann", ("reader@acme",), new=True)) == ["user ann created: roles reader@acme"]
    assert told(SetUser("ann", ("reader@acme",))) == []
    changed = world.run(SetUser("ann", ("admin", "admin"), disabled=True)).events
    assert [describe(event, Names()) for event in changed] == ["user ann: roles admin, disabled"]
    assert world.topology.system["user/ann"] == User("ann", ("admin",), disabled=True)
    read = [msgspec.json.decode(msgspec.json.encode(event), type=type(event)) for event in changed]
    assert told(Revert(2, invert(read))) == ["user ann: roles reader@acme, enabled"]
    assert told(DropUser("ann")) == ["user ann deleted"]
    with pytest.raises(NotFound, match="no user 'ann'"):
        world.run(DropUser("ann"))


@pytest.mark.parametrize("role", ["root", "admin@acme", "tenant-admin", "reader@", "operator@x", ""])
def test_there_are_no_other_roles(role: str) -> None:
    with pytest.raises(InvalidValue, match="there is no role"):
        World().run(SetUser("ann", (role,), new=True))


def test_ids_are_hidden_wherever_they_are() -> None:
    one, other = (f"{digit}0000000-0000-4000-8000-000000000000" for digit in "12")
    value = {"a": one, "b": [other, {"c": one}], "d": f"x {one}"}
    assert redact_ids(value, lambda found: found == one) == {"a": None, "b": [other, {"c": None}], "d": f"x {one}"}
