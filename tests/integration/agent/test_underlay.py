"""Agents of one tunnel zone probe each other; the cluster shows who reaches whom, and says when that changes."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from clustered import Scene
from waiting import eventually

from midonet.cli.main import main
from midonet.testbed import ZooKeeper
from midonet.testbed.agent import AgentDaemon
from midonet.testbed.ports import PortLease

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
QUICK = "{health: {period: 0.2}, hosts: {}}"


@pytest.fixture
def scene(zookeeper: ZooKeeper, zk_root: str, tmp_path: Path) -> Iterator[Scene]:
    with Scene(f"sqlite:///{tmp_path}/log.db", zookeeper.hosts, zk_root) as scene:
        yield scene


@pytest.fixture
def agents(scene: Scene) -> Iterator[dict[str, AgentDaemon]]:
    """Three agents in one tunnel zone."""
    port = PortLease()
    hosts = [str(uuid4()) for _ in ADDRESSES]
    for number, host in enumerate(hosts, 1):
        scene.create("host", id=host, name=f"hv{number}")
    members = [{"host": host, "address": address} for host, address in zip(hosts, ADDRESSES, strict=True)]
    scene.create("tunnel-zone", name="fabric", members=members)
    options = [
        "--zookeeper",
        scene.hosts,
        "--root",
        scene.root,
        "--probe-port",
        str(port.port),
        "--probe-interval",
        "0.1",
    ]
    with ExitStack() as stack:
        stack.callback(port.release)
        yield {f"hv{number}": stack.enter_context(AgentDaemon(host, *options)) for number, host in enumerate(hosts, 1)}


def ask(scene: Scene, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    options = ["-o", "json", "--server", scene.url, "--zookeeper", scene.hosts, "--root", scene.root]
    assert main([*options, "health", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_links_and_silent_hosts_are_shown(
    scene: Scene, agents: dict[str, AgentDaemon], capsys: pytest.CaptureFixture[str]
) -> None:
    daemon = scene.daemon("--node", "n1", "--services", QUICK)

    def up() -> int:
        return sum(way["state"] == "up" for way in ask(scene, capsys)["ways"])

    eventually(lambda: up() == 6, 40)
    assert ask(scene, capsys, "--down") == {"cut_off": [], "ways": []}
    eventually(lambda: 'midonet_health_ways{state="up"} 6.0' in daemon.get("/metrics")[1])
    agents["hv3"].freeze()
    eventually(lambda: ask(scene, capsys)["cut_off"] == ["hv3"])
    assert {(way["source"], way["target"]) for way in ask(scene, capsys, "--down")["ways"]} >= {
        ("hv1", "hv3"),
        ("hv2", "hv3"),
    }
    eventually(lambda: "midonet_health_hosts_cut_off 1.0" in daemon.get("/metrics")[1])
    eventually(lambda: 'msg="underlay path is down"' in daemon.log.read_text())
    agents["hv3"].thaw()
    eventually(lambda: up() == 6, 40)
    eventually(lambda: 'msg="underlay path is up"' in daemon.log.read_text())


def test_foreign_address_does_not_disclose_other_objects(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    here, there = (scene.create("host", name=name) for name in ("here", "there"))
    members = [{"host": here, "address": "192.0.2.1"}, {"host": there, "address": "192.0.2.2"}]
    scene.create("tunnel-zone", name="elsewhere", members=members)
    scene.daemon("--node", "n1")
    options = ["--zookeeper", scene.hosts, "--root", scene.root, "--probe-interval", "0.1"]
    with AgentDaemon(here, *options) as agent:
        eventually(lambda: "underlay is not probed" in agent.log.read_text())
        assert agent.log.read_text().count("underlay is not probed") == 1
        assert ask(scene, capsys) == {"cut_off": [], "ways": []}
