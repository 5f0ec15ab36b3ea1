"""A session holds, changes and removes its own ephemeral nodes, and leaves those of other sessions alone."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from waiting import eventually

from midonet.projections.zookeeper import Client
from midonet.projections.zookeeper.ephemeral_nodes import EphemeralNodes
from midonet.testbed import ZooKeeper


@pytest.fixture
def client(zookeeper: ZooKeeper) -> Iterator[Client]:
    with closing(Client(zookeeper.hosts)) as client:
        client.connect(10)
        yield client


@pytest.fixture
def other(zookeeper: ZooKeeper) -> Iterator[Client]:
    with closing(Client(zookeeper.hosts)) as other:
        other.connect(10)
        yield other


@pytest.fixture
def path(zk_root: str) -> str:
    return f"{zk_root}/state/hosts/h"


def test_a_node_is_created_changed_and_removed(client: Client, other: Client, path: str) -> None:
    nodes = EphemeralNodes(client)
    assert nodes.publish({path: b"1"}) == {}
    assert nodes.holds(path)
    data, stat = other.get(path)
    assert (data, stat.ephemeralOwner) == (b"1", client.client_id[0])
    assert nodes.publish({path: b"2"}) == {}
    assert nodes.publish({path: b"2"}) == {}
    data, stat = other.get(path)
    assert (data, stat.version) == (b"2", 1)
    assert nodes.publish({}) == {}
    assert not nodes.holds(path)
    assert not other.exists(path)


def test_node_of_another_session_is_kept_until_free(client: Client, other: Client, path: str) -> None:
    other.create(path, b"theirs", ephemeral=True, makepath=True)
    nodes = EphemeralNodes(client)
    assert nodes.publish({path: b"ours"}) == {path: b"theirs"}
    assert nodes.publish({}) == {}
    assert other.get(path)[0] == b"theirs"
    other.delete(path)
    assert nodes.publish({path: b"ours"}) == {}
    assert other.get(path)[0] == b"ours"


def test_changed_or_removed_node_is_rewritten(client: Client, other: Client, path: str) -> None:
    nodes = EphemeralNodes(client)
    nodes.publish({path: b"1"})
    other.set(path, b"changed")
    nodes.verify()
    assert nodes.holds(path)
    nodes.publish({path: b"1"})
    assert other.get(path)[0] == b"1"
    other.set(path, b"changed")
    nodes.publish({path: b"2"})
    assert other.get(path)[0] == b"2"
    other.delete(path)
    nodes.verify()
    assert not nodes.holds(path)
    nodes.publish({path: b"2"})
    assert other.get(path)[0] == b"2"


def test_a_node_that_another_session_took_is_not_held(client: Client, other: Client, path: str) -> None:
    nodes = EphemeralNodes(client)
    nodes.publish({path: b"ours"})
    other.delete(path)
    other.create(path, b"theirs", ephemeral=True)
    assert nodes.publish({path: b"ours, too"}) == {path: b"theirs"} or nodes.publish({}) == {}
    nodes.verify()
    assert not nodes.holds(path)


def test_a_new_session_creates_its_nodes_again(client: Client, other: Client, path: str) -> None:
    nodes = EphemeralNodes(client)
    nodes.publish({path: b"1"})
    client.stop()
    client.connect(10)
    nodes.verify()
    assert not nodes.holds(path)
    eventually(lambda: not other.exists(path))
    assert nodes.publish({path: b"1"}) == {}
    assert other.get(path)[1].ephemeralOwner == client.client_id[0]
