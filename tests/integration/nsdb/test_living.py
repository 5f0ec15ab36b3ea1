"""Which hosts live is known as soon as it changes, and unknown while ZooKeeper is away."""

from collections.abc import Iterator
from threading import Event

import pytest
from kazoo.client import KazooClient
from waiting import eventually

from midonet.events.errors import Unavailable
from midonet.projections.facts import HostState, LastSeen, node_of
from midonet.projections.facts.live_hosts import LiveHosts
from midonet.projections.facts.reader import FactsReader
from midonet.testbed import ZooKeeper


@pytest.fixture
def server() -> Iterator[ZooKeeper]:
    """A server of this test's own: it is killed."""
    with ZooKeeper() as server:
        yield server


@pytest.fixture
def client(server: ZooKeeper) -> Iterator[KazooClient]:
    """A client that registers hosts as agents do."""
    client = KazooClient(server.hosts, connection_retry={"max_tries": -1, "max_delay": 0.5})
    client.start()
    yield client
    client.stop()
    client.close()


def put(client: KazooClient, root: str, host: str, data: bytes = b"{}") -> None:
    client.create(node_of(root, HostState, host), data, ephemeral=True, makepath=True)


def test_hosts_come_and_go(server: ZooKeeper, client: KazooClient, zk_root: str) -> None:
    woken = Event()
    living = LiveHosts(server.hosts, zk_root, woken.set)
    try:
        assert living.refresh() == {}
        put(client, zk_root, "a", b'{"hostname":"hv1","position":7,"added-later":1}')
        eventually(lambda: living.refresh() == {"a": HostState(hostname="hv1", position=7)})
        put(client, zk_root, "b", b"garbage")
        eventually(lambda: living.refresh().get("b") == HostState())
        woken.clear()
        client.set(node_of(zk_root, HostState, "a"), b'{"hostname":"hv1","position":8}')
        assert living.read_now()["a"].position == 8
        assert not woken.is_set(), "progress of an agent is no change of who lives"
        client.delete(node_of(zk_root, HostState, "a"))
        assert woken.wait(20)
        eventually(lambda: living.refresh().keys() == {"b"})
    finally:
        living.close()


def found(living: LiveHosts) -> set[str] | None:
    """Return who lives, None if that is unknown."""
    try:
        return set(living.refresh())
    except Unavailable:
        return None


def test_unreachable_zookeeper_marks_no_host_dead(server: ZooKeeper, client: KazooClient, zk_root: str) -> None:
    living = LiveHosts(server.hosts, zk_root, lambda: None)
    try:
        put(client, zk_root, "a")
        eventually(lambda: living.refresh().keys() == {"a"})
        server.kill()
        while (alive := found(living)) is not None:
            assert alive == {"a"}
        server.start()
        eventually(lambda: found(living))
    finally:
        living.close()


def test_when_a_host_was_seen_is_kept_until_it_is_forgotten(zookeeper: ZooKeeper, zk_root: str) -> None:
    living = LiveHosts(zookeeper.hosts, zk_root, lambda: None)
    try:
        living.refresh()
        with FactsReader(zookeeper.hosts, zk_root) as facts:
            for seen in (LastSeen(time="T1"), LastSeen(time="T2")):
                living.set_last_seen("a", seen)
                assert facts.all(LastSeen) == {"a": seen}
            for _ in range(2):
                living.set_last_seen("a", None)
                assert facts.all(LastSeen) == {}
    finally:
        living.close()
