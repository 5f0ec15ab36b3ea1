"""Services are enabled and disabled per node, and every node publishes its summary."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clustered import Scene
from waiting import eventually

from midonet.events.commands.command import Enable
from midonet.testbed import ZooKeeper
from midonet.testbed.cluster import ClusterDaemon

Make = Callable[..., Scene]


def states(daemon: ClusterDaemon) -> dict[str, str]:
    return {each["name"]: each["state"] for each in daemon.status()["services"]}


def nodes(daemon: ClusterDaemon) -> dict[str, Any]:
    """Return what the nodes say, by name, as this one sees them."""
    status, body = daemon.get("/cluster")
    return {node["node"]: node for node in json.loads(body)["nodes"]} if status == 200 else {}


def node(daemon: ClusterDaemon, name: str) -> dict[str, Any]:
    """Return what a node says, nothing if it is not known there."""
    found: dict[str, Any] = nodes(daemon).get(name, {})
    return found


def service(daemon: ClusterDaemon, name: str, of: str) -> str | None:
    """Return the state of a service of a node, as this one sees it."""
    state: str | None = node(daemon, name).get("services", {}).get(of, {}).get("state")
    return state


def test_service_is_disabled_and_enabled_at_run_time(scene: Make) -> None:
    stage = scene()
    daemon = stage.daemon("--node", "n1")
    eventually(lambda: states(daemon)["vtep"] == "running")
    stage.run(Enable("vtep", enabled=False))
    eventually(lambda: states(daemon)["vtep"] == "disabled")
    assert states(daemon)["nsdb"] == "running"
    eventually(lambda: daemon.get("/readyz")[0] == 200)
    assert 'midonet_service_up{service="vtep"} 0.0' in daemon.get("/metrics")[1]
    stage.run(Enable("vtep", "n1"))
    eventually(lambda: states(daemon)["vtep"] == "running")
    stage.run(Enable("vtep", "n1", enabled=False))
    eventually(lambda: states(daemon)["vtep"] == "disabled")


def test_disabled_service_never_starts(scene: Make) -> None:
    stage = scene()
    stage.run(Enable("nsdb", "n1", enabled=False))
    stage.create("bridge", name="b")
    daemon = stage.daemon("--node", "n1")
    eventually(lambda: daemon.get("/readyz")[0] == 200)
    assert states(daemon)["nsdb"] == "disabled"
    assert stage.nsdb_position() == 0
    stage.daemon("--node", "n2")
    stage.nsdb_settles()


def test_node_summary_is_published_until_the_process_ends(scene: Make) -> None:
    stage = scene()
    first, second = stage.daemon("--node", "n1"), stage.daemon("--node", "n2")
    position = stage.run(Enable("vtep", "n2", enabled=False))
    eventually(lambda: [each["position"] for each in nodes(first).values()] == [position] * 2)
    eventually(lambda: service(first, "n2", "vtep") == "disabled")
    assert eventually(lambda: node(first, "n1"))["http"] == first.url
    eventually(lambda: service(first, "n1", "vtep") == "running")
    eventually(lambda: node(first, "n1").get("projections", {}).get("nsdb", {}).get("live") == 1)
    second.kill()
    eventually(lambda: node(first, "n2").get("alive") is False)
    second.start()
    eventually(lambda: node(first, "n2").get("alive"))


def test_killed_node_is_back_at_once_and_names_are_unique(scene: Make) -> None:
    stage = scene()
    first = stage.daemon("--node", "n1")
    eventually(lambda: nodes(first))
    first.kill()
    first.start()
    eventually(lambda: node(first, "n1").get("pid") == first.pid)
    second = stage.daemon("--node", "n1")
    eventually(lambda: "is node n1, too" in second.get("/readyz")[1])
    eventually(lambda: node(second, "n1").get("pid") == first.pid)
    first.stop()
    eventually(lambda: second.get("/readyz")[0] == 200)


def test_cluster_page_without_zookeeper_is_an_error(scene: Make) -> None:
    absent = ZooKeeper()
    try:
        daemon = scene(hosts=absent.hosts).daemon()
        status, body = daemon.get("/cluster")
        assert (status, "does not answer" in body) == (503, True)
    finally:
        absent.close()


@pytest.mark.parametrize(
    ("services", "problem"),
    [
        ("{nsbd: {}}", "there is no service 'nsbd'; installed are "),
        ("{nsdb: {colour: red}}", "there is no setting 'services.nsdb.colour'"),
        ("[nsdb]", "{NAME: {KEY: VALUE}}"),
        ("{nsdb: 3}", "{NAME: {KEY: VALUE}}"),
        ("{", "--services: "),
    ],
)
def test_settings_of_services_are_checked_at_start(tmp_path: Path, services: str, problem: str) -> None:
    options = ["--log", f"sqlite:///{tmp_path}/log.db", "--zookeeper", "127.0.0.1:1", "--services", services]
    command = [sys.executable, "-m", "midonet.services.main", "run", "--http", "127.0.0.1:0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("midonet-cluster: ")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
