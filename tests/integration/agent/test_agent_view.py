"""The agent holds what its host index names, whole at one position, whatever happens to the view."""

import time
from collections.abc import Callable, Sequence
from threading import Event

import pytest
from agents import AgentProcess, ViewWriter, running
from waiting import eventually

from midonet.agent.agent import PAUSE
from midonet.agent.view.snapshot import Snapshot
from midonet.events.model import Entity
from midonet.events.model.bridge import Bridge
from midonet.events.model.port import Port
from midonet.events.model.router import Router
from midonet.testbed import ZooKeeper, ZooKeeperEnsemble

Start = Callable[..., AgentProcess]
Documents = dict[str, Sequence[Entity]]

WEB = Bridge(id="b1", name="web")
VM = Port(id="p1", name="vm", bridge="b1")
ELSEWHERE = Bridge(id="b2", name="elsewhere")


def test_holds_what_its_index_names_and_nothing_else(writer: ViewWriter, start: Start, host: str) -> None:
    agent = start(host)
    documents: Documents = {"bridge/x": [WEB], "port/x": [VM], "bridge/y": [ELSEWHERE]}
    writer.commit(1, documents, {host: ["bridge/x", "port/x"]})
    writer.switch()
    eventually(lambda: writer.applied(host) == 1)
    shown = agent.show()
    assert shown["counts"] == {"bridge": 1, "port": 1}
    assert shown["objects"]["bridge"]["b1"]["name"] == "web"
    assert (shown["position"], shown["hash"], shown["generation"]) == (1, f"{1:064x}", "1")
    assert shown["ready"]


def test_a_host_that_is_not_in_the_topology_yet(writer: ViewWriter, start: Start, host: str) -> None:
    agent = start(host)
    eventually(lambda: "no view is published" in str(agent.show().get("reasons")))
    writer.commit(3, {"bridge/x": [WEB]}, {})
    writer.switch()
    eventually(lambda: writer.applied(host) == 3)
    shown = agent.show()
    assert not shown["in_topology"]
    assert shown["objects"] == {}
    assert shown["notes"] == [f"host {host} is not in the topology yet"]
    writer.commit(4, {"bridge/x": [WEB]}, {host: ["bridge/x"]})
    eventually(lambda: writer.applied(host) == 4)
    assert agent.show()["counts"] == {"bridge": 1}


def test_the_position_advances_though_nothing_of_its_own_changed(writer: ViewWriter, start: Start, host: str) -> None:
    start(host)
    eventually(lambda: writer.state(host))
    writer.switch()
    begin = time.monotonic()
    for position in range(1, 101):
        writer.commit(position, {"bridge/x": [WEB]}, {host: ["bridge/x"]})
    eventually(lambda: writer.applied(host) == 100)
    publications = writer.client.exists(writer.paths.host_state(host)).version
    assert publications <= (time.monotonic() - begin) / PAUSE + 2


@pytest.mark.parametrize("ensemble", [False, True], ids=["one", "three"])
def test_never_torn_while_a_writer_hammers(zookeeper: ZooKeeper, zk_root: str, host: str, *, ensemble: bool) -> None:
    if not ensemble:
        hammer(zookeeper.hosts, zk_root, host)
        return
    with ZooKeeperEnsemble() as servers:
        hammer(servers.hosts, zk_root, host)


def hammer(hosts: str, root: str, host: str, commits: int = 600, rate: float = 200) -> None:
    """Commit at a rate; objects in several documents, which split and merge, must always show one position."""
    seen: list[Snapshot] = []
    writer = ViewWriter(hosts, root)
    writer.commit(1, {}, {})
    writer.switch()
    with running(hosts, root, host, on_snapshot=seen.append):
        pending = []
        for position in range(2, commits):
            objects = [Bridge(id=f"b{n}", name=str(position)) for n in range(3)]
            router = [Router(id="r", name=str(position))]
            cut = position // 7 % 4
            packed: Documents = {"bridge/x": objects[:cut], "bridge/y": objects[cut:], "router/x": router}
            documents = {name: entities for name, entities in packed.items() if entities}
            known = position % 50 > 2
            pending.append(writer.commit(position, documents, {host: list(documents)} if known else {}, wait=False))
            Event().wait(1 / rate)
        for result in pending:
            result.get(timeout=10)
        eventually(lambda: seen[-1].position == commits - 1)
    writer.close()
    for snapshot in seen:
        names = [entity.name for objects in snapshot.objects.values() for entity in objects.values()]
        expected = 4 if snapshot.position > 1 and snapshot.position % 50 > 2 else 0
        assert names == [str(snapshot.position)] * expected
    assert [snapshot.position for snapshot in seen] == sorted({snapshot.position for snapshot in seen})
    assert len(seen) > commits / 10, "it hardly ever settled"


def test_a_new_generation_replaces_the_old_at_once(
    zookeeper: ZooKeeper, zk_root: str, writer: ViewWriter, host: str
) -> None:
    seen: list[Snapshot] = []
    writer.commit(5, {"bridge/x": [WEB], "port/x": [VM]}, {host: ["bridge/x", "port/x"]})
    writer.switch()
    with running(zookeeper.hosts, zk_root, host, on_snapshot=seen.append):
        eventually(lambda: writer.applied(host) == 5)
        rebuilt = ViewWriter(zookeeper.hosts, zk_root, "2")
        rebuilt.commit(6, {"bridge/z": [WEB], "port/z": [VM]}, {host: ["bridge/z", "port/z"]})
        rebuilt.switch()
        eventually(lambda: writer.applied(host) == 6)
        writer.commit(7, {}, {})
        rebuilt.commit(8, {"bridge/z": [WEB], "port/z": [VM]}, {host: ["bridge/z", "port/z"]})
        eventually(lambda: writer.applied(host) == 8)
        rebuilt.close()
    assert [(snapshot.generation, snapshot.position) for snapshot in seen] == [("1", 5), ("2", 6), ("2", 8)]
    assert all(snapshot.counts() == {"bridge": 1, "port": 1} for snapshot in seen)


@pytest.mark.parametrize("garbage", [b"", b"{", b'{"objects":[]}', b"\xff" * 9, b"[" * 100_000])
def test_bad_document_is_reported_and_others_are_read(
    writer: ViewWriter, start: Start, host: str, garbage: bytes
) -> None:
    agent = start(host)
    index = {host: ["bridge/x", "port/x", "teapot/x"]}
    writer.commit(1, {"bridge/x": [WEB], "port/x": [VM], "teapot/x": []}, index)
    writer.put("models/bridge/x", garbage)
    writer.switch()
    writer.commit(2, {"bridge/x": [WEB], "port/x": [], "teapot/x": []}, index)
    eventually(lambda: writer.applied(host) == 2)
    shown = agent.show()
    assert shown["counts"] == {}
    assert sorted(note.partition(": ")[0] for note in shown["notes"]) == [
        f"{writer.base}/models/bridge/x",
        f"{writer.base}/models/teapot/x",
    ]
    writer.commit(3, {"bridge/x": [WEB, ELSEWHERE]}, {host: ["bridge/x"]})
    eventually(lambda: writer.applied(host) == 3)
    shown = agent.show()
    assert shown["counts"] == {"bridge": 2}
    assert shown["notes"] == []
    assert agent.logged("unreadable document") == 2
    assert agent.process.poll() is None
