"""Whatever tenants do by themselves, none touches another one's objects, and none is told of them."""

import re
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from random_commands import random_command
from world import World

from midonet.events.access.authorization import Principal
from midonet.events.access.restricted_topology import RestrictedTopology
from midonet.events.commands.command import Command, Create
from midonet.events.commands.decide import Decision, decide
from midonet.events.errors import MidonetError
from midonet.events.queries.export import documents
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology


@settings(deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False))
def test_tenants_are_isolated_from_each_other(rng: Random) -> None:
    world = World()
    tenants = {name: Principal(name, [f"tenant-admin@{name}"]) for name in ("acme", "beta")}
    for name in tenants:
        for kind in ("bridge", "router", "chain", "port-group"):
            world.create(kind, f"{name}-{kind}", tenant=name)
    world.create("port", "shared-link", router="acme-router", peer=world.create("port", "b", router="beta-router"))
    for step in range(40):
        mine, other = rng.sample(sorted(tenants), 2)
        command = _as(mine, random_command(rng, world.topology))
        theirs = _belonging(world.topology, tenants[other])
        ids = {entity.id for entity in world.topology if not tenants[mine].sees(entity, world.topology.find)}
        decision, told = _tried(world.topology, command, f"step-{step}", tenants[mine])
        if decision is None:
            asked = msgspec.json.encode(command).decode()
            assert not {one for one in ids if one in told and one not in asked}
            continue
        for event in decision.events:
            evolve(world.topology, event, step)
        assert _belonging(world.topology, tenants[other]) == theirs
        seen = msgspec.json.encode(documents(RestrictedTopology(world.topology, tenants[mine], redact=True))).decode()
        hidden = {e.id for e in world.topology if not tenants[mine].sees(e, world.topology.find)}
        assert not hidden.intersection(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", seen))


def _tried(topology: Topology, command: Command, command_id: str, principal: Principal) -> tuple[Decision | None, str]:
    try:
        return decide(topology, command, command_id, principal), ""
    except MidonetError as error:
        return None, f"{error.message} {error.details}"


def _as(tenant: str, command: Command) -> Command:
    """Let a command make objects for a tenant."""
    return Command(
        command.name,
        [
            msgspec.structs.replace(op, fields={**op.fields, "tenant": tenant})
            if isinstance(op, Create) and op.kind in ("bridge", "router", "chain", "port-group", "qos-policy")
            else op
            for op in command.ops
        ],
    )


def _belonging(topology: Topology, principal: Principal) -> list[bytes]:
    found = [entity for entity in topology if principal.changes(entity, topology.find)]
    return sorted(msgspec.json.encode(entity) for entity in found)
