"""What the nsdb projection writes is what the agent reads: the same objects, for any topology."""

from random import Random

import pytest
from random_commands import random_command

from midonet.agent.view.documents import Node
from midonet.agent.view.replica import Replica
from midonet.events.commands.decide import decide
from midonet.events.commit import canonical
from midonet.events.errors import NotFound, Rejected
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology
from midonet.projections.nsdb import expected_view, view_base

ROOT = "/midonet"


def random_topology(seed: int, commands: int = 300) -> Topology:
    random, topology = Random(seed), Topology()  # noqa: S311 - no secret depends on it
    for count in range(1, commands):
        try:
            decision = decide(topology, random_command(random, topology), f"command-{count}")
        except (Rejected, NotFound):
            continue
        for event in decision.events:
            evolve(topology, event, count)
    return topology


@pytest.mark.parametrize("seed", range(3))
def test_every_host_holds_its_part_as_it_is(seed: int) -> None:
    topology = random_topology(seed)
    base = view_base(ROOT)
    nodes = {path: Node(data, 1) for path, data in expected_view(topology, base).items()}
    nodes[f"{ROOT}/nsdb"] = Node(canonical({"generation": base.rpartition("/")[2]}), 1)
    nodes[f"{base}/checkpoint"] = Node(canonical({"position": 7, "hash": "h"}), 1)
    hosts = topology.all("host")
    assert hosts
    for host in hosts:
        replica = Replica(ROOT, host)
        while replica.pending:
            for path in replica.wanted():
                replica.store(path, nodes[path])
            replica.update_snapshot()
        assert replica.snapshot is not None
        assert not replica.problems
        assert replica.snapshot.of("host")[host] == hosts[host]
        for kind, objects in replica.snapshot.objects.items():
            assert objects.items() <= topology.all(kind).items()
