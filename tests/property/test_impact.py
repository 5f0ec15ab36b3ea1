"""Whom a change reaches is what the whole views say: those of hosts and switches that differ before and after."""

import json
from random import Random

from random_commands import random_command

from midonet.events.commands.command import Command
from midonet.events.commands.decide import decide
from midonet.events.errors import NotFound, Rejected
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology
from midonet.projections.maintenance.impact import impact
from midonet.projections.nsdb.projection import NsdbProjection
from midonet.projections.vtep.projection import VtepProjection


def hosts(topology: Topology) -> dict[str, object]:
    """What the agent of each host reads."""
    view = NsdbProjection("")
    view.attach(topology)
    found: dict[str, object] = {}
    for host in topology.all("host"):
        index = json.loads(view.render(f"hosts/{host}") or b"{}")
        documents = [json.loads(view.render(path.removeprefix("/")) or b"{}")["objects"] for path in index["documents"]]
        found[host] = [entity for objects in documents for entity in sorted(objects.items())]
    return found


def switches(topology: Topology) -> dict[str, object]:
    """What the database of each VTEP holds, and where it is."""
    found: dict[str, object] = {}
    for vtep in topology.all("vtep").values():
        view = VtepProjection(vtep.id)
        view.attach(topology)
        rows = dict(zip(view.keys(), map(view.render, view.keys()), strict=True))
        found[vtep.id] = (vtep.management_ip, {key: value for key, value in rows.items() if value is not None})
    return found


def differing(one: dict[str, object], other: dict[str, object]) -> set[str]:
    return {key for key in one | other if one.get(key) != other.get(key)}


def test_an_impact_is_what_differs() -> None:
    rng, topology = Random(11), Topology()  # noqa: S311 - a seed, not a secret
    reached = 0
    for number in range(1_000):
        command: Command = random_command(rng, topology)
        try:
            events = decide(topology, command, str(number)).events
        except (Rejected, NotFound):
            continue
        before = hosts(topology), switches(topology), dict(topology.last_allocated)
        found = impact(topology, events)
        assert (hosts(topology), switches(topology), topology.last_allocated) == before
        for event in events:
            evolve(topology, event, number)
        assert set(found.hosts) == differing(before[0], hosts(topology))
        assert set(found.vteps) == differing(before[1], switches(topology))
        reached += bool(found.hosts) + bool(found.vteps)
    assert reached > 50
