"""An agent reports its host, its position and its active ports, and leaves nodes of other sessions alone."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agents import AgentProcess, ViewWriter, running
from waiting import eventually

from midonet.agent import agent as agent_module
from midonet.agent.host.interfaces import Sysfs
from midonet.events.model.bridge import Bridge
from midonet.events.model.port import Port
from midonet.projections.facts import HostState, LearnedRoute, LearnedRoutes, MemberStatus
from midonet.projections.facts.reader import FactsReader
from midonet.testbed import ZooKeeper

Start = Callable[..., AgentProcess]

WEB = Bridge(id="b1", name="web")


def vm(host: str, interface: str, port: str = "p1") -> Port:
    return Port(id=port, name=port, bridge="b1", host=host, interface=interface)


@pytest.mark.alone
def test_the_host_is_registered_while_the_agent_runs(writer: ViewWriter, start: Start, host: str) -> None:
    agent = start(host)
    state: dict[str, Any] = eventually(lambda: writer.state(host) or {})
    assert state.keys() == {"hostname", "pid", "version", "started", "position", "interfaces", "addresses"}
    (loopback,) = (interface for interface in state["interfaces"] if interface["name"] == "lo")
    assert loopback["up"]
    assert "127.0.0.1" in loopback["addresses"]
    assert "127.0.0.1" not in state["addresses"]
    assert (state["pid"], state["position"]) == (agent.process.pid, 0)
    path = writer.paths.host_state(host)
    assert writer.client.get(path)[1].ephemeralOwner
    begin = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - begin < 5
    assert writer.state(host) is None


def test_second_agent_with_the_same_id_waits(writer: ViewWriter, start: Start, host: str) -> None:
    first = start(host)
    eventually(lambda: writer.state(host))
    second = start(host)
    eventually(lambda: second.logged("this host's id is in use"))
    reasons = second.show()["reasons"]
    assert reasons[0].startswith(f"host {host} is registered by process {first.process.pid} on ")
    assert writer.state(host) == {**(writer.state(host) or {}), "pid": first.process.pid}
    assert second.process.poll() is None
    first.stop()
    eventually(lambda: (writer.state(host) or {}).get("pid") == second.process.pid)
    assert second.logged("this host's id is in use") == 1
    assert not second.show()["reasons"][:-1]


def test_after_a_crash_it_waits_for_its_old_session_to_end(writer: ViewWriter, start: Start, host: str) -> None:
    first = start(host)
    eventually(lambda: writer.state(host))
    first.kill()
    second = start(host)
    eventually(lambda: (writer.state(host) or {}).get("pid") == second.process.pid)


def test_nodes_that_others_removed_are_created_again(
    writer: ViewWriter, zookeeper: ZooKeeper, zk_root: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "VERIFY", 0.2)
    writer.commit(1, {"bridge/x": [WEB], "port/x": [vm(host, "lo")]}, {host: ["bridge/x", "port/x"]})
    writer.switch()
    port = writer.paths.port_state("p1")
    with running(zookeeper.hosts, zk_root, host):
        for path in (writer.paths.host_state(host), port):
            eventually(partial(writer.client.exists, path))
            writer.client.delete(path)
            eventually(partial(writer.client.exists, path))
    assert not writer.client.exists(port)


def test_ports_whose_interface_is_up_are_active(
    writer: ViewWriter, zookeeper: ZooKeeper, zk_root: str, host: str, tmp_path: Path
) -> None:
    def set_interface(name: str, state: str) -> None:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "flags").write_text("0x1003")
        (tmp_path / name / "operstate").write_text(state)

    def active() -> dict[str, Any]:
        folder = writer.paths.port_state("").rstrip("/")
        names = writer.client.get_children(folder) if writer.client.exists(folder) else []
        return {name: node for name in names if (node := writer.read(f"{folder}/{name}"))}

    ports = [vm(host, "tap1", "p1"), vm(host, "tap2", "p2"), vm("another", "tap1", "p3")]
    index = {host: ["bridge/x", "port/x"]}
    writer.commit(1, {"bridge/x": [WEB], "port/x": ports}, index)
    writer.switch()
    set_interface("tap1", "up")
    with running(zookeeper.hosts, zk_root, host, interfaces=Sysfs(tmp_path)) as agent:
        eventually(lambda: active() == {"p1": {"host": host, "interface": "tap1"}})
        set_interface("tap2", "up")
        eventually(lambda: active().keys() == {"p1", "p2"})
        set_interface("tap1", "down")
        eventually(lambda: active().keys() == {"p2"})
        assert agent.status.interfaces == {"tap1": "down", "tap2": "up"}
        writer.commit(2, {"bridge/x": [WEB], "port/x": [vm(host, "tap1", "p2")]}, index)
        eventually(lambda: active() == {})
        set_interface("tap1", "up")
        eventually(lambda: active() == {"p2": {"host": host, "interface": "tap1"}})
        writer.commit(3, {"bridge/x": [WEB], "port/x": [Port(id="p2", bridge="b1")]}, index)
        eventually(lambda: active() == {})


def test_a_port_is_reported_once_the_other_host_has_released_it(
    writer: ViewWriter, zookeeper: ZooKeeper, zk_root: str, host: str
) -> None:
    path = writer.paths.port_state("p1")
    writer.client.create(path, b"elsewhere", ephemeral=True, makepath=True)
    writer.commit(1, {"bridge/x": [WEB], "port/x": [vm(host, "lo")]}, {host: ["bridge/x", "port/x"]})
    writer.switch()
    with running(zookeeper.hosts, zk_root, host) as agent:
        eventually(lambda: writer.applied(host) == 1)
        assert agent.status.registered
        assert agent.status.active == frozenset()
        assert writer.client.get(path)[0] == b"elsewhere"
        writer.client.delete(path)
        eventually(lambda: agent.status.active == {"p1"})
        assert json.loads(writer.client.get(path)[0]) == {"host": host, "interface": "lo"}


def test_facts_of_other_parts_exist_while_the_agent_runs(zookeeper: ZooKeeper, zk_root: str, host: str) -> None:
    learned = LearnedRoutes(host=host, routes=(LearnedRoute(dst="198.51.100.0/24", gateway="192.0.2.1"),))
    with FactsReader(zookeeper.hosts, zk_root) as facts, running(zookeeper.hosts, zk_root, host) as agent:
        assert facts.all(LearnedRoutes) == {}
        agent.report(LearnedRoutes, "p1", learned)
        agent.report(MemberStatus, "m1", MemberStatus(host=host, status="active"))
        eventually(lambda: facts.all(LearnedRoutes) == {"p1": learned})
        eventually(lambda: facts.get_many(MemberStatus, ["m1", "m2"]).keys() == {"m1"})
        agent.report(LearnedRoutes, "p1", None)
        eventually(lambda: facts.all(LearnedRoutes) == {})
    with FactsReader(zookeeper.hosts, zk_root) as facts:
        assert facts.all(MemberStatus) == {}
        assert facts.all(HostState) == {}
