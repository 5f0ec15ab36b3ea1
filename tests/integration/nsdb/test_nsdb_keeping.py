"""The view in ZooKeeper follows the log, survives restarts, and repairs what others did to it."""

import json
import time
from collections.abc import Callable, Mapping

import pytest
from projected import Projected
from waiting import eventually

from midonet.events.commands.command import Create, Delete, Pause
from midonet.events.errors import TimedOut
from midonet.projections.base import Checkpoint
from midonet.projections.zookeeper import ZooKeeperTarget
from midonet.testbed.view_reader import WholeViewReader


def network(projected: Projected, ports: int = 3) -> tuple[str, str]:
    """Make a bridge with ports that are bound to a host; return both ids."""
    host, bridge = projected.create("host"), projected.create("bridge", name="b")
    projected.create("tunnel-zone", name="z", members=[{"host": host, "address": "172.16.0.1"}])
    bound = [{"bridge": bridge, "host": host, "interface": f"tap{number}"} for number in range(ports)]
    projected.run(*(Create("port", fields) for fields in bound))
    return host, bridge


class Watched(ZooKeeperTarget):
    """A target that notes what is done to it."""

    def __init__(self, projected: Projected) -> None:
        super().__init__(projected.hosts, projected.root)
        self.loads = 0
        self.written: list[set[str]] = []

    def load(self) -> tuple[Checkpoint, Mapping[str, bytes]]:
        """Count."""
        self.loads += 1
        return super().load()

    def write(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> None:
        """Note the keys."""
        self.written.append(set(delta))
        super().write(delta, checkpoint)

    def begin(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> Callable[[], None] | None:
        """Note the keys as well."""
        self.written.append(set(delta))
        return super().begin(delta, checkpoint)


def test_the_contract_to_the_letter(projected: Projected) -> None:
    host, bridge = network(projected)
    projected.keep()
    projected.settle()
    zookeeper, base = projected.kazoo(), projected.base

    def read(path: str) -> dict[str, object]:
        return json.loads(zookeeper.get(path)[0])  # type: ignore[no-any-return]

    head = projected.store.log.head()
    assert read(f"{projected.root}/nsdb") == {"generation": "1"}
    assert read(f"{base}/checkpoint") == {"position": head.position, "hash": head.hash}
    ports = read(f"{base}/models/port/{bridge}")["objects"]
    (zone,) = projected.store.topology.all("tunnel-zone")
    assert {port["id"] for port in ports.values()} == set(projected.store.topology.all("port"))  # type: ignore[attr-defined]
    index = read(f"{base}/hosts/{host}")
    assert index == {
        "position": head.position,
        "documents": [
            f"{base}/models/{document}"
            for document in (f"bridge/{bridge}", f"host/{host}", f"port/{bridge}", f"tunnel-zone/{zone}")
        ],
    }
    assert projected.differences() == []


def test_every_change_arrives_and_an_ordinary_one_rewrites_one_document(projected: Projected) -> None:
    host, bridge = network(projected)
    projected.keep()
    projected.settle()
    zookeeper, base = projected.kazoo(), projected.base
    before = zookeeper.get(f"{base}/hosts/{host}")[1].version
    for number in range(20):
        projected.create("port", bridge=bridge, host=host, interface=f"more{number}")
        projected.settle()
    assert projected.differences() == []
    assert zookeeper.get(f"{base}/hosts/{host}")[1].version == before
    assert zookeeper.get(f"{base}/models/port/{bridge}")[1].version == 20
    assert zookeeper.get(f"{base}/models/bridge/{bridge}")[1].version == 0
    projected.run(Delete("bridge", bridge, cascade=True))
    projected.settle()
    assert projected.differences() == []
    assert zookeeper.exists(f"{base}/models/port/{bridge}") is None


def test_a_restart_continues_and_writes_only_what_changed_meanwhile(projected: Projected) -> None:
    host, bridge = network(projected, ports=100)
    keeper = projected.keep()
    projected.settle()
    keeper.stop()
    zookeeper = projected.kazoo()
    index = zookeeper.get(f"{projected.base}/hosts/{host}")
    projected.set("bridge", bridge, name="renamed")
    target = Watched(projected)
    projected.keep(target)
    projected.settle()
    assert target.written == [{f"models/bridge/{bridge}"}]
    assert zookeeper.get(f"{projected.base}/hosts/{host}") == index
    assert projected.differences() == []


def test_a_large_change_takes_several_transactions_and_is_whole(projected: Projected) -> None:
    host = projected.create("host")
    projected.run(*(Create("chain", {"name": f"chain{number}"}) for number in range(1200)))
    keeper = projected.keep()
    projected.settle()
    assert projected.differences() == []
    assert host in projected.store.topology.all("host")
    projected.run(*(Delete("chain", f"chain{number}") for number in range(1200)))
    projected.settle()
    assert projected.differences() == []
    assert keeper.runner.status().state == "live"


def test_lost_edited_and_stale_nodes_are_repaired_at_once_and_foreign_ones_stay(projected: Projected) -> None:
    host, bridge = network(projected)
    keeper = projected.keep(reconcile_interval=60.0)
    projected.settle()
    zookeeper, base = projected.kazoo(), projected.base
    foreign = [f"{base}/foreign", f"{base}/models/bridge/foreign", f"{base}/models/foreign", f"{projected.root}/state"]
    for path in foreign:
        zookeeper.create(path, b"mine")
    zookeeper.delete(f"{base}/models/bridge/{bridge}")
    zookeeper.set(f"{base}/models/port/{bridge}", b"edited")
    zookeeper.set(f"{base}/hosts/{host}", b"edited")
    zookeeper.create(f"{base}/hosts/{bridge}", b"stale")
    eventually(lambda: not projected.differences())
    assert [zookeeper.get(path)[0] for path in foreign] == [b"mine"] * 4
    eventually(lambda: len(keeper.runner.drift) == 4)
    assert keeper.runner.drift.counts == {"missing": 1, "different": 2, "extra": 1}
    assert keeper.runner.status().state == "live"


def test_without_a_watch_repair_waits_for_the_next_look(projected: Projected) -> None:
    _, bridge = network(projected)
    target = projected.target()
    target.drifted = lambda: False  # type: ignore[method-assign]
    projected.keep(target, reconcile_interval=0.3)
    projected.settle()
    projected.kazoo().set(f"{projected.base}/models/port/{bridge}", b"edited")
    eventually(lambda: not projected.differences())


def test_a_lost_tree_is_built_again(projected: Projected) -> None:
    network(projected)
    keeper = projected.keep()
    projected.settle()
    keeper.stop()
    zookeeper = projected.kazoo()
    zookeeper.delete(f"{projected.root}/nsdb", recursive=True)
    projected.keep()
    eventually(lambda: not projected.differences())
    assert json.loads(zookeeper.get(f"{projected.root}/nsdb")[0]) == {"generation": "1"}


def test_own_writes_are_no_drift(projected: Projected) -> None:
    _, bridge = network(projected)
    target = Watched(projected)
    projected.keep(target)
    for number in range(200):
        projected.create("port", bridge=bridge, name=f"port{number}")
    projected.settle()
    assert target.loads == 1
    assert projected.differences() == []


def test_unwritable_key_is_parked_and_others_are_written(projected: Projected) -> None:
    keeper = projected.keep()
    addresses = [
        {"address": f"10.{a}.{b}.{c}"} for a in range(100, 250) for b in range(100, 250) for c in (101, 102, 103)
    ]
    monster = projected.create("ip-addr-group", name="monster", addresses=addresses)
    chain = projected.create("chain")
    projected.settle()
    eventually(lambda: keeper.runner.status().state == "live")  # a busy machine may lose the connection meanwhile
    assert list(keeper.runner.status().parked) == [f"models/ip-addr-group/{monster}"]
    assert projected.differences() == [f"{projected.base}/models/ip-addr-group/{monster}"]
    projected.set("ip-addr-group", monster, addresses=[])
    projected.settle()
    eventually(lambda: keeper.runner.status().parked == {})
    assert projected.differences() == []
    assert chain in projected.store.topology.all("chain")


def test_waiting_for_a_position(projected: Projected) -> None:
    with WholeViewReader(projected.hosts, projected.root) as reader:
        assert reader.checkpoint() == Checkpoint()
        with pytest.raises(TimedOut):
            reader.wait(1, timeout=0.1)
        projected.create("host")
        projected.keep()
        assert reader.wait(1, timeout=10.0).position == 1
        assert reader.wait(1, timeout=0.0).position == 1


def test_pausing(projected: Projected) -> None:
    network(projected)
    keeper = projected.keep()
    projected.settle()
    projected.run(Pause("nsdb"))
    eventually(lambda: keeper.runner.status().state == "paused")
    projected.create("host")
    eventually(lambda: keeper.runner.status().lag_events == 2)
    time.sleep(0.1)
    assert keeper.runner.status().position == projected.store.topology.head.position - 2
    projected.run(Pause("nsdb", paused=False))
    projected.settle()
    assert projected.differences() == []


def test_closing_removes_nothing(projected: Projected) -> None:
    network(projected)
    keeper = projected.keep()
    projected.settle()
    keeper.stop()
    assert projected.differences() == []
