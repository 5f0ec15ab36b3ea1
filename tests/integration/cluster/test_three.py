"""Three brokers, three ZooKeeper servers and three nodes tolerate the loss of one of each at the same time."""

import json
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from clustered import Scene
from waiting import eventually

from midonet.testbed.cluster import ClusterDaemon
from midonet.testbed.kafka import KafkaCluster
from midonet.testbed.zookeeper import ZooKeeperEnsemble

Make = Callable[..., Scene]


def alive(daemon: ClusterDaemon) -> list[str]:
    """Return the nodes that live, as one of them sees it."""
    status, body = daemon.get("/cluster")
    return [node["node"] for node in json.loads(body)["nodes"] if node["alive"]] if status == 200 else []


def ready(*daemons: ClusterDaemon) -> bool:
    return all(daemon.get("/readyz")[0] == 200 for daemon in daemons)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_cluster_survives_one_lost_server_of_each_kind(scene: Make) -> None:
    with ExitStack() as stack:
        brokers = stack.enter_context(KafkaCluster())
        servers = stack.enter_context(ZooKeeperEnsemble())
        stage = scene(f"kafka://{brokers.bootstrap}/topology", servers.hosts)
        switch = stage.switch()
        vtep = stage.vtep(switch, "tor")
        nodes = [stage.daemon("--node", f"n{number}") for number in (1, 2, 3)]
        eventually(lambda: ready(*nodes), 90)
        assert alive(nodes[0]) == ["n1", "n2", "n3"]

        leader = servers.leader
        assert leader is not None
        lost = [brokers.members[0], leader, nodes[0]]
        for each in lost:
            each.kill()
        for vlan in range(1, 6):
            bridge = stage.create("bridge", name=f"bridge-{vlan}")
            stage.create("port", bridge=bridge)
            stage.bind(vtep, vlan, bridge)
        stage.nsdb_settles(60)
        stage.vtep_settles(vtep, switch, 60)
        eventually(lambda: alive(nodes[1]) == ["n2", "n3"], 60)
        eventually(lambda: ready(*nodes[1:]), 60)

        for each in lost:
            each.start()
        eventually(lambda: ready(*nodes) and alive(nodes[0]) == ["n1", "n2", "n3"], 90)
        stage.create("bridge", name="written by all")
        stage.nsdb_settles(60)
