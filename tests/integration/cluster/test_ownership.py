"""Each item has one owner while nodes are killed and frozen, and stale owners are fenced."""

from contextlib import ExitStack

import pytest
from holding import HeldElsewhere, Node
from kazoo.exceptions import BadVersionError
from waiting import eventually

from midonet.services.cluster.coordination import Coordination, Lease
from midonet.services.cluster.leases import AssignedLeases, Leadership
from midonet.testbed import ZooKeeper

ITEMS = {f"item/{number}" for number in range(7)}


def held_once(*nodes: Node | HeldElsewhere) -> bool:
    """Tell whether every item is held by exactly one of the nodes, and none by all."""
    together = [item for node in nodes for item in node.items]
    return sorted(together) == sorted(ITEMS)


def test_items_are_reassigned_as_nodes_join_and_leave(zookeeper: ZooKeeper, zk_root: str) -> None:
    with Node(zookeeper.hosts, zk_root, "a") as first:
        first.ownership.set_items(ITEMS)
        eventually(lambda: first.items == ITEMS)
        with Node(zookeeper.hosts, zk_root, "b") as second:
            second.ownership.set_items(ITEMS)
            eventually(lambda: held_once(first, second) and len(second.items) in (3, 4))
            moved = next(iter(second.items))
            epochs = [epoch for _, item, epoch in first.history + second.history if item == moved]
            assert epochs == sorted(epochs)
            assert epochs[-1] > epochs[0]
        eventually(lambda: first.items == ITEMS, 1.5)  # who leaves in order need not be waited for
        assert second.items == set()
        assert [what for what, item, _ in first.history if item == moved] == ["gained", "lost", "gained"]
        assert not first.crashes + second.crashes


def test_killed_node_is_replaced(zookeeper: ZooKeeper, zk_root: str) -> None:
    with (
        Node(zookeeper.hosts, zk_root, "here") as here,
        HeldElsewhere(zookeeper.hosts, zk_root, "there", ITEMS) as there,
    ):
        here.ownership.set_items(ITEMS)
        eventually(lambda: held_once(here, there) and there.items)
        there.kill()
        eventually(lambda: here.items == ITEMS)


def test_frozen_node_loses_its_leases(zookeeper: ZooKeeper, zk_root: str) -> None:
    with (
        Node(zookeeper.hosts, zk_root, "here") as here,
        HeldElsewhere(zookeeper.hosts, zk_root, "there", ITEMS) as there,
    ):
        here.ownership.set_items(ITEMS)
        eventually(lambda: held_once(here, there) and there.items)
        there.freeze()
        eventually(lambda: here.items == ITEMS)
        there.thaw()
        eventually(lambda: held_once(here, there) and there.items)


def test_unheld_item_is_reported(zookeeper: ZooKeeper, zk_root: str) -> None:
    with Node(zookeeper.hosts, zk_root, "a") as node:
        claims = AssignedLeases(node.coordination, "stream", lambda _: None, lambda _: None, node.crashes.append)
        claims.set_expected(["stream"])
        claims.start()
        eventually(lambda: claims.unheld_seconds() > 0.1)
        claims.set_items(["stream"])
        eventually(lambda: claims.leases() and claims.unheld_seconds() == 0.0)
        claims.set_items([])
        eventually(lambda: not claims.leases() and claims.unheld_seconds() > 0.0)
        claims.stop()


def test_stale_owner_cannot_write(zookeeper: ZooKeeper, zk_root: str) -> None:
    with Node(zookeeper.hosts, zk_root, "a") as node:
        node.ownership.set_items({"x"})
        eventually(lambda: node.items)
        stale = node.ownership.leases()["x"]
    with Node(zookeeper.hosts, zk_root, "b") as node:
        node.ownership.set_items({"x"})
        eventually(lambda: node.items)
        fresh = node.ownership.leases()["x"]
        assert fresh.epoch > stale.epoch
        assert write(node, stale, f"{zk_root}/stale") == [BadVersionError]
        assert write(node, fresh, f"{zk_root}/fresh") == []


def write(node: Node, lease: Lease, path: str) -> list[type[Exception]]:
    """Create a node under a lease; return what was refused."""
    transaction = node.coordination.client.transaction()
    lease.guard(transaction)
    transaction.create(path)
    results = transaction.commit()
    return [type(result) for result in results if isinstance(result, BadVersionError)]


def test_deleted_lease_is_lost_and_acquired_again(zookeeper: ZooKeeper, zk_root: str) -> None:
    with Node(zookeeper.hosts, zk_root, "a") as node:
        node.ownership.set_items({"x"})
        eventually(lambda: node.items)
        lease = node.ownership.leases()["x"]
        node.coordination.client.delete(f"{lease.path}/holder")
        eventually(lambda: node.items and node.ownership.leases()["x"].epoch > lease.epoch)


def test_foreign_holder_node_is_respected(zookeeper: ZooKeeper, zk_root: str) -> None:
    with Node(zookeeper.hosts, zk_root, "a") as node:
        node.coordination.client.connect(10)
        node.coordination.client.create(f"{zk_root}/state/services/test/leases/x/holder", b"{", makepath=True)
        node.ownership.set_items({"x", "y"})
        eventually(lambda: node.items == {"y"})
        node.coordination.client.delete(f"{zk_root}/state/services/test/leases/x/holder")
        eventually(lambda: node.items == {"x", "y"})
        assert not node.crashes


@pytest.mark.slow
def test_disconnected_node_drops_its_leases_first(zk_root: str) -> None:
    with ZooKeeper() as server, Node(server.hosts, zk_root, "a") as node:
        node.ownership.set_items(ITEMS)
        eventually(lambda: node.items == ITEMS)
        server.freeze()
        eventually(lambda: node.history[-1][0] == "lost")
        assert node.items == set()
        server.thaw()
        eventually(lambda: node.items == ITEMS)


def test_leader_leads_until_it_ends(zookeeper: ZooKeeper, zk_root: str) -> None:
    with ExitStack() as stack:
        terms: list[tuple[str, int | None]] = []
        crashes: list[BaseException] = []

        def join(name: str) -> Leadership:
            coordination = Coordination(zookeeper.hosts, zk_root, name, session_timeout=2.0)
            coordination.start()
            stack.callback(coordination.close)
            leadership = Leadership(
                coordination, "test", lambda lease: terms.append((name, lease and lease.epoch)), crashes.append
            )
            leadership.start()
            return leadership

        first = join("a")
        eventually(lambda: first.lease)
        others = [join(name) for name in "bcd"]
        eventually(lambda: len(first.members) == 4)
        assert [name for name, _ in terms] == ["a"]
        first.stop()
        eventually(lambda: len(terms) == 3 and sum(each.lease is not None for each in others) == 1)
        assert terms[1] == ("a", None)
        assert (terms[2][1] or 0) > (terms[0][1] or 0)
        for other in others:
            other.stop()
        assert crashes == []
