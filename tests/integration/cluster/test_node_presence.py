"""The node of a cluster node is taken over from a process that has ended, never from one that may still run."""

from collections.abc import Iterator, Mapping
from socket import gethostname
from subprocess import Popen
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from msgspec.structs import replace
from waiting import eventually

from midonet.events.commit import canonical
from midonet.projections.runtime.process_identity import current_process
from midonet.services.cluster.coordination import Coordination
from midonet.services.cluster.node_presence import NodePresence
from midonet.testbed import ZooKeeper

STATUS: Mapping[str, Any] = {"node": "n1", "pid": 1}


@pytest.fixture
def other(zookeeper: ZooKeeper) -> Iterator[Any]:
    """The session of another process."""
    client = KazooClient(zookeeper.hosts)
    client.start()
    yield client
    client.stop()
    client.close()


@pytest.fixture
def presence(zookeeper: ZooKeeper, zk_root: str) -> Iterator[NodePresence]:
    coordination = Coordination(zookeeper.hosts, zk_root, "n1")
    presence = NodePresence(coordination, lambda: STATUS)
    coordination.start()
    yield presence
    presence.stop()
    coordination.close()


def data(client: Any, path: str) -> bytes | None:
    """Return the data of a node, None if there is none."""
    try:
        return bytes(client.get(path)[0])
    except NoNodeError:
        return None


def dead_process() -> int:
    """Return the number of a process that has ended."""
    process = Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("identity", [{}, {"machine": "b0075e72 pid:[4026532758]", "begun": "4711"}])
def test_the_node_of_a_process_in_another_container_with_this_host_name_stays(
    other: Any, presence: NodePresence, zk_root: str, identity: Mapping[str, str]
) -> None:
    path, pid = f"{zk_root}/state/nodes/n1", dead_process()
    record = canonical({"node": "n1", "hostname": gethostname(), "pid": pid, **identity})
    other.create(path, record, ephemeral=True, makepath=True)
    presence.start()
    eventually(lambda: presence.conflict or data(other, path) != record)
    assert presence.conflict == f"process {pid} on {gethostname()} is node n1, too"
    assert data(other, path) == record
    other.delete(path)
    eventually(lambda: data(other, path) == canonical(STATUS))
    eventually(lambda: presence.conflict is None)


def test_the_node_of_a_process_that_ended_on_this_machine_is_replaced_at_once(
    other: Any, presence: NodePresence, zk_root: str
) -> None:
    path = f"{zk_root}/state/nodes/n1"
    other.create(path, canonical(replace(current_process(), pid=dead_process())), ephemeral=True, makepath=True)
    presence.start()
    eventually(lambda: data(other, path) == canonical(STATUS))
    assert presence.conflict is None
    assert other.get(path)[1].ephemeralOwner != other.client_id[0]
