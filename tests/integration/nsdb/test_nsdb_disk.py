"""ZooKeeper's disk: full, or restored from a backup. Clients reconnect, and the view is repaired."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from projected import Projected
from waiting import eventually

from midonet.agent.zookeeper.session import Session
from midonet.events.commands.command import Create
from midonet.events.log import open_log
from midonet.events.log.store import Store
from midonet.projections.engine import status
from midonet.projections.nsdb import differences, expected_view
from midonet.testbed import ZooKeeper
from midonet.testbed.view_reader import WholeViewReader


def right(projected: Projected) -> bool:
    """Whether the view is as the log says, as a reader sees it that was not there before."""
    store = Store(open_log(projected.url))
    with closing(store.log), WholeViewReader(projected.hosts, projected.root) as reader:
        head = store.refresh()
        expected = expected_view(store.topology, reader.base())
        return reader.checkpoint().position == head.position and not differences(reader.documents(), expected)


@contextmanager
def agent(hosts: str) -> Iterator[Session]:
    """Connect as agents do."""
    session = Session(hosts, timeout=2, wake=lambda: None)
    session.keep_connecting()
    yield session
    session.close(5)


@pytest.mark.slow
def test_data_older_than_the_view_is_repaired(tmp_path: Path) -> None:
    url, backup = f"sqlite:///{tmp_path}/log.db", tmp_path / "backup"
    with ZooKeeper() as zookeeper, Projected(url, zookeeper.hosts, "/midonet") as projected:
        keeper = projected.keep()
        projected.create("bridge", "old")
        eventually(lambda: right(projected))
        data = zookeeper.directory / "data"
        zookeeper.stop()
        shutil.copytree(data, backup)
        zookeeper.start()
        for number in range(20):
            projected.create("bridge", f"b{number}")
        eventually(lambda: right(projected))
        with agent(zookeeper.hosts) as session:
            eventually(lambda: session.connected)
            seen = [node.zxid for _, node in session.read([f"{projected.base}/checkpoint"])]
            zookeeper.kill()
            shutil.rmtree(data)
            shutil.copytree(backup, data)
            zookeeper.start()
            eventually(lambda: right(projected))
            assert keeper.runner.status().state == "live"
            found = {repair.key: repair.kind for repair in keeper.runner.drift.newest(50)}
            assert found.pop("checkpoint") == "different"
            assert list(found.values()) == ["missing"] * 20
            eventually(lambda: session.connected)
            assert [node.zxid for _, node in session.read([f"{projected.base}/checkpoint"])] != seen


class Cramped(ZooKeeper):
    """A server whose files have an end."""

    room: int | None = 300_000

    def command(self) -> Sequence[str | Path]:
        """Limit what the process may write to one file, and let it take little of that at a time."""
        program, *arguments = super().command()
        limit = ["prlimit", f"--fsize={self.room}"] if self.room is not None else []
        return [*limit, program, "-Dzookeeper.preAllocSize=64", *arguments]


@pytest.mark.slow
def test_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_STALL_SECONDS", 0.5)
    url = f"sqlite:///{tmp_path}/log.db"
    with Cramped() as zookeeper, Projected(url, zookeeper.hosts, "/midonet") as projected:
        keeper = projected.keep()
        projected.create("bridge", "first")
        eventually(lambda: right(projected))
        for number in range(20):
            projected.run(*(Create("bridge", {"name": f"b{number}-{each}-{'x' * 150}"}) for each in range(50)))
        eventually(lambda: not zookeeper.running)
        eventually(lambda: (found := keeper.runner.status()).state == "stalled" and "ZooKeeper at" in str(found.error))
        stalled = keeper.runner.status()
        assert 0 < stalled.position < stalled.head
        zookeeper.room = None
        zookeeper.restart()
        eventually(lambda: right(projected))
        assert not keeper.runner.drift
