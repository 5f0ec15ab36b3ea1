"""Services `heartbeat` and `recycler`: nodes that are down are recorded, and garbage in ZooKeeper is removed."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from clustered import Scene
from waiting import eventually

from midonet.projections.zookeeper import Client
from midonet.testbed.cluster import ClusterDaemon

Make = Callable[..., Scene]
QUICK = "{recycler: {interval: 1, grace: 0, forget_nodes: 0, rate: 1000}, heartbeat: {period: 0.2}}"


@pytest.fixture
def client(scene: Make) -> Iterator[tuple[Scene, Client]]:
    stage = scene()
    client = Client(stage.hosts)
    client.connect(10)
    yield stage, client
    client.close()


def nodes(daemon: ClusterDaemon) -> dict[str, Any]:
    status, body = daemon.get("/cluster")
    return {node["node"]: node for node in json.loads(body)["nodes"]} if status == 200 else {}


def test_node_is_down_until_it_is_back(scene: Make) -> None:
    stage = scene()
    first, second = (stage.daemon("--node", name, "--services", "{heartbeat: {period: 0.2}}") for name in ("n1", "n2"))
    eventually(lambda: [node["alive"] and node["known"] for node in nodes(first).values()] == [True, True])
    eventually(lambda: 'midonet_heartbeat_node_alive{node="n2"} 1.0' in first.get("/metrics")[1])
    second.kill()
    eventually(lambda: nodes(first)["n2"]["gone"])
    assert nodes(first)["n2"]["alive"] is False
    eventually(lambda: 'midonet_heartbeat_node_alive{node="n2"} 0.0' in first.get("/metrics")[1])
    eventually(lambda: 'msg="node is gone" service=heartbeat node=n2' in first.log.read_text())
    second.start()
    eventually(lambda: nodes(first)["n2"]["alive"] and nodes(first)["n2"]["gone"] is None)
    eventually(lambda: 'msg="node is back" service=heartbeat node=n2' in first.log.read_text())


def test_only_garbage_is_removed(client: tuple[Scene, Client]) -> None:
    stage, zookeeper = client
    host, gone = stage.create("host", name="hv1"), str(uuid4())
    state = f"{stage.root}/state"
    kept = [
        f"{state}/seen/{host}",
        f"{state}/hosts/{uuid4()}",
        f"{state}/mine/{gone}",
        f"{state}/services/vtep/leases/a",
    ]
    waste = [f"{state}/seen/{gone}", f"{state}/ports/{gone}", f"{state}/services/vtep/leases/b", f"{state}/known/old"]
    for path in kept + waste:
        ephemeral = path.startswith(f"{state}/hosts/")
        zookeeper.create(path, b'{"gone": "2026-01-01T00:00:00Z"}', ephemeral=ephemeral, makepath=True)
    zookeeper.create(f"{state}/services/vtep/leases/a/holder", b"{}", ephemeral=True)
    stage.daemon("--node", "n1", "--services", QUICK)
    eventually(lambda: not any(zookeeper.exists(path) for path in waste), 30)
    assert [path for path in kept if not zookeeper.exists(path)] == []


def test_removal_respects_rate_and_grace(client: tuple[Scene, Client]) -> None:
    stage, zookeeper = client
    paths = [f"{stage.root}/state/seen/{uuid4()}" for _ in range(12)]
    for path in paths:
        zookeeper.create(path, makepath=True)
    slow = "{recycler: {interval: 1, grace: 0, rate: 2}}"
    daemon = stage.daemon("--node", "n1", "--services", slow)

    def left() -> int:
        return sum(zookeeper.exists(path) is not None for path in paths)

    eventually(lambda: left() < 12)
    assert left() >= 9
    assert 'midonet_recycler_removed_total{what="facts"}' in daemon.get("/metrics")[1]
    daemon.kill()
    young = f"{stage.root}/state/seen/{uuid4()}"
    zookeeper.create(young)
    stage.daemon("--node", "n2", "--services", "{recycler: {interval: 1, grace: 3600, forget_nodes: 0}}")
    eventually(lambda: zookeeper.exists(f"{stage.root}/state/known/n2"))
    assert zookeeper.exists(young)
