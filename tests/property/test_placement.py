"""Whatever the network is like: what is decided on containers is accepted, settles at once, and keeps to the rules."""

from random import Random
from typing import Any

from random_commands import random_command

from midonet.events.commands.command import Command, Put
from midonet.events.commands.decide import decide
from midonet.events.errors import NotFound, Rejected
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology
from midonet.services.containers.placement import place


def run(topology: Topology, command: Command, number: int) -> None:
    for event in decide(topology, command, f"command-{number}").events:
        evolve(topology, event, number)


def grown(rng: Random, steps: int) -> Topology:
    """Return a network of random commands, with containers and hosts in a zone."""
    topology = Topology()
    for number in range(steps):
        try:
            run(topology, random_command(rng, topology), number)
        except (Rejected, NotFound):
            continue
    names = [f"hv{number}" for number in range(4)]
    members = [{"host": name, "address": f"172.16.0.{number}"} for number, name in enumerate(names)]
    containers = [{"name": f"c{number}", "service_type": "ipsec", "port": f"p{number}"} for number in range(6)]
    limits = {"container_limit": rng.choice([-1, 1, 2]), "enforce_container_limit": rng.random() < 0.3}
    site: list[dict[str, Any]] = [
        *({"kind": "host", "name": name, "container_weight": rng.randrange(1, 4), **limits} for name in names),
        {"kind": "tunnel-zone", "name": "all", "members": members},
        {"kind": "router", "name": "r", "ports": [{"name": f"p{number}"} for number in range(6)]},
        {"kind": "service-container-group", "name": "g", "policy": "least", "containers": containers},
    ]
    run(topology, Command("site", [Put(site)]), steps)
    return topology


def decisions(rng: Random, topology: Topology) -> int:
    """Let hosts come and go; carry out and check what is decided; return how much that was."""
    decided, alive = 0, set(topology.all("host"))
    for turn in range(6):
        for placement in place(topology, alive):
            run(topology, placement.command, 1000 + turn)
            decided += 1
            port = topology.all("port")[topology.all("service-container")[placement.container].port]
            assert port.host == placement.host
            assert placement.host in alive
            assert topology.all("host")[placement.host].container_weight > 0
        assert place(topology, alive) == []
        alive = set(rng.sample(sorted(topology.all("host")), len(topology.all("host")) // 2))
    return decided


def test_decisions_are_accepted_and_settle() -> None:
    seeds = [Random(seed) for seed in range(10)]  # noqa: S311 - seeds, not secrets
    assert sum(decisions(rng, grown(rng, 300)) for rng in seeds) > 30
