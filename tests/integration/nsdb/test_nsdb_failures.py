"""Whatever happens to ZooKeeper, to the log or to who keeps the view: it ends up equal to the log, or untouched."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from projected import Projected
from random_commands import random_command
from waiting import eventually

from midonet.events.commands.command import Command, Create
from midonet.events.commit import Head, Record
from midonet.events.errors import MidonetError
from midonet.events.log import open_log
from midonet.events.log.backends.sql import SqlLog
from midonet.events.log.base import Progress
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.events.topology.evolve import Change
from midonet.projections.base import Checkpoint, Fenced
from midonet.projections.engine import status
from midonet.projections.engine.delta_tracker import DeltaTracker
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.nsdb import NsdbProjection, same_document
from midonet.projections.zookeeper import ZooKeeperTarget, batches
from midonet.testbed import ZooKeeper

SEED = 20261122


def churn(projected: Projected, rng: Random, steps: int) -> None:
    """Run random commands, refused ones included."""
    for _ in range(steps):
        try:
            projected.store.execute(random_command(rng, projected.store.topology), Context(actor="test"))
        except MidonetError:
            continue


@contextmanager
def away(zookeeper: ZooKeeper) -> Iterator[None]:
    """SIGKILL the server for a while."""
    zookeeper.kill()
    try:
        yield
    finally:
        zookeeper.start()


# -- ZooKeeper


def test_the_server_is_killed_again_and_again_under_load(projected: Projected, zookeeper: ZooKeeper) -> None:
    keeper = projected.keep()
    rng = Random(SEED)  # noqa: S311 - a seed, not a secret
    for _ in range(3):
        churn(projected, rng, 40)
        with away(zookeeper):
            churn(projected, rng, 40)
    projected.settle()
    assert projected.differences() == []
    eventually(lambda: keeper.runner.status().state == "live")


def test_the_server_is_absent_at_first(projected: Projected, zookeeper: ZooKeeper) -> None:
    projected.create("bridge")
    with away(zookeeper):
        keeper = projected.keep()
        eventually(lambda: keeper.runner.status().error)
        found = keeper.runner.status()
        assert (found.state, found.position, found.lag_events) == ("rebuilding", 0, 1)
        assert "does not answer" in str(found.error)
    projected.settle()
    assert projected.differences() == []
    eventually(lambda: keeper.runner.status().error is None)


def test_the_server_hangs(projected: Projected, zookeeper: ZooKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_STALL_SECONDS", 1.0)
    projected.create("bridge")
    keeper = projected.keep()
    projected.settle()
    zookeeper.freeze()
    try:
        projected.create("bridge")
        eventually(lambda: keeper.runner.status().error)
        eventually(lambda: keeper.runner.status().state == "stalled")
    finally:
        zookeeper.thaw()
    projected.settle()
    assert projected.differences() == []
    eventually(lambda: keeper.runner.status().state == "live")


def test_stop_does_not_wait_for_a_hanging_server(projected: Projected, zookeeper: ZooKeeper) -> None:
    keeper = projected.keep()
    projected.create("bridge")
    projected.settle()
    zookeeper.freeze()
    try:
        begun = time.monotonic()
        keeper.stop()
        assert time.monotonic() - begun < 8
    finally:
        zookeeper.thaw()


# -- several writers


def test_two_writers_at_once_never_take_the_view_back(projected: Projected) -> None:
    first, second = projected.keep(), projected.keep()
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(projected.reader.checkpoint().position)

    watcher = threading.Thread(target=watch)
    watcher.start()
    churn(projected, Random(SEED), 150)  # noqa: S311 - a seed, not a secret
    projected.settle()
    done.set()
    watcher.join()
    assert seen == sorted(seen)
    assert projected.differences() == []
    for keeper in (first, second):
        eventually(lambda: keeper.runner.status().state == "live")  # noqa: B023 - called at once


class Counting(ZooKeeperTarget):
    """A target that counts what it was asked for."""

    loads = writes = 0

    def load(self) -> tuple[Checkpoint, Mapping[str, bytes]]:
        """Count."""
        self.loads += 1
        return super().load()

    def write(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> None:
        """Count those that go through."""
        super().write(delta, checkpoint)
        self.writes += 1

    def begin(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> Callable[[], None] | None:
        """Count as well."""
        self.writes += 1
        return super().begin(delta, checkpoint)


@pytest.mark.alone
def test_standby_takes_over_when_the_writer_stops(projected: Projected) -> None:
    targets = [Counting(projected.hosts, projected.root) for _ in range(2)]
    keepers = [projected.keep(target) for target in targets]
    bridge = projected.create("bridge")
    projected.settle()
    time.sleep(1)
    for number in range(50):
        projected.create("port", bridge=bridge, name=f"port{number}")
        time.sleep(0.01)
    projected.settle()
    standby, active = sorted(range(2), key=lambda which: targets[which].writes)
    assert targets[active].writes > 10 * targets[standby].writes
    assert targets[standby].loads < 10
    keepers[active].stop()
    begun = time.monotonic()
    projected.create("port", bridge=bridge)
    projected.settle()
    assert time.monotonic() - begun < 5, "not after a session's length"
    assert projected.differences() == []
    eventually(lambda: keepers[standby].runner.status().state == "live")


def test_a_writer_that_was_overtaken_is_refused(projected: Projected) -> None:
    projected.create("bridge")
    with closing(projected.target()) as zombie:
        zombie.load()
        projected.keep()
        projected.settle()
        before = projected.reader.documents()
        with pytest.raises(Fenced):
            zombie.write({next(iter(before)): b"old"}, Checkpoint())
    assert projected.reader.documents() == before


class Slow:
    """A log that reads nothing beyond a position until it is let go."""

    def __init__(self, log: Any, last: int, let_go: threading.Event) -> None:
        self._log, self._last, self._let_go = log, last, let_go

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def follow(self, after: Head, **options: Any) -> Iterator[Record | Progress]:
        """As the log's, with a long stop."""
        for item in self._log.follow(after, **options):
            if isinstance(item, Record) and item.commit.position == self._last:
                yield item
                yield Progress(item.head)
                self._let_go.wait()
            else:
                yield item


def test_a_writer_that_is_behind_waits_and_writes_nothing(projected: Projected) -> None:
    for _ in range(5):
        projected.create("bridge")
    keeper = projected.keep()
    projected.settle()
    keeper.stop()
    let_go = threading.Event()
    feed = Feed(lambda: Slow(open_log(projected.url), 3, let_go), idle=0.1)
    runner = Runner(feed, NsdbProjection(projected.base), projected.target(), same=same_document)
    feed.start()
    runner.start()
    try:
        eventually(lambda: feed.head.position == 3)
        time.sleep(0.5)
        waiting = runner.status()
        assert (waiting.state, waiting.position) == ("catching-up", 5), "it is the log that is behind"
        assert projected.reader.checkpoint().position == 5
        assert projected.differences() == []
        let_go.set()
        eventually(lambda: runner.status().state == "live")
        assert runner.status().position == 5
    finally:
        let_go.set()
        runner.stop()
        feed.stop()


# -- the log


def copy_of_log(projected: Projected, tmp_path: Path) -> str:
    assert isinstance(projected.store.log, SqlLog)
    projected.store.log.close()  # the last connection moves the write-ahead log into the file
    shutil.copy(projected.url.removeprefix("sqlite:///"), tmp_path / "copy.db")
    return f"sqlite:///{tmp_path}/copy.db"


def parked(projected: Projected, url: str) -> str:
    """Keep the view from another log; return what is said about it."""
    before = projected.reader.documents(), projected.reader.checkpoint()
    projected.url = url
    keeper = projected.keep(reconcile_interval=0.2)
    eventually(lambda: keeper.runner.status().state == "parked")
    time.sleep(0.5)
    found = keeper.runner.status()
    assert found.state == "parked"
    assert found.position == before[1].position, "where the view is, whatever the log has"
    assert (projected.reader.documents(), projected.reader.checkpoint()) == before
    return str(found.error)


def test_log_with_lost_commits_is_refused_until_restored(projected: Projected, tmp_path: Path) -> None:
    for _ in range(3):
        projected.create("bridge")
    copy = copy_of_log(projected, tmp_path)
    projected.create("bridge")
    projected.create("bridge")
    keeper = projected.keep()
    projected.settle()
    keeper.stop()
    original = open_log(projected.url)
    error = parked(projected, copy)
    assert "commit 5" in error
    assert "ends at 3" in error
    projected.store = Store(open_log(copy))
    head = projected.store.refresh()
    projected.store.log.append(head, [record.raw for record in original.read(head)])
    projected.create("bridge")
    projected.settle()
    assert projected.differences() == []


def test_log_with_another_history_is_refused(projected: Projected, tmp_path: Path) -> None:
    projected.create("bridge")
    copy = copy_of_log(projected, tmp_path)
    projected.create("bridge")
    keeper = projected.keep()
    projected.settle()
    keeper.stop()
    other = Store(open_log(copy))
    other.execute(Command("test", [Create("router", {})]), Context(actor="test"))
    other.execute(Command("test", [Create("router", {})]), Context(actor="test"))
    assert "commit 2 of the target differs" in parked(projected, copy)


# -- who keeps the view


class Clumsy(NsdbProjection):
    """A projection that fails to take note of one commit."""

    def apply(self, changes: Sequence[Change]) -> set[str]:
        """Fail on the first router."""
        if any(change.kind == "router" for change in changes) and not self.__dict__.setdefault("failed", False):
            self.failed = True
            raise KeyError("a mistake")
        return super().apply(changes)


def test_a_projection_that_makes_a_mistake_starts_over(projected: Projected) -> None:
    keeper = projected.keep(projection=Clumsy(projected.base))
    projected.create("bridge")
    projected.settle()
    projected.create("router")
    projected.settle()
    assert projected.differences() == []
    assert keeper.runner.status().state == "live"


class CrashError(BaseException):
    """The process ends here."""


class Dying(ZooKeeperTarget):
    """A target whose process crashes at a transaction: before it is sent, or after."""

    crash_at = 0
    after_sending = False

    def _commit(self, *args: Any) -> Any:
        self.crash_at -= 1
        if self.crash_at < 0 and not self.after_sending:
            raise CrashError
        future = super()._commit(*args)
        if self.crash_at < 0:
            future.get()
            raise CrashError
        return future


def write_once(target: ZooKeeperTarget, projected: Projected) -> None:
    """Bring the target to the head of the log, or crash on the way."""
    topology = projected.store.topology
    projection = NsdbProjection(projected.base)
    projection.attach(topology)
    tracker = DeltaTracker(projection, same_document)
    tracker.touch_all()
    with closing(target):
        _, actual = target.load()
        tracker.reconcile(actual)
        target.write(tracker.delta(), Checkpoint(topology.head.position, topology.head.hash))


@pytest.mark.parametrize("after_sending", [False, True], ids=["before", "after"])
def test_a_crash_between_any_two_transactions_is_healed(
    projected: Projected, monkeypatch: pytest.MonkeyPatch, *, after_sending: bool
) -> None:
    monkeypatch.setattr(batches, "_MAX_OPERATIONS", 8)
    rng = Random(SEED)  # noqa: S311 - a seed, not a secret
    for crash_at in range(4):
        churn(projected, rng, 60)
        projected.run(*(Create("chain", {}) for _ in range(40)))
        target = Dying(projected.hosts, projected.root)
        target.crash_at, target.after_sending = crash_at, after_sending
        position = projected.reader.checkpoint().position
        with pytest.raises(CrashError):
            write_once(target, projected)
        assert projected.reader.checkpoint().position == position or not projected.differences()
        write_once(projected.target(), projected)
        assert projected.differences() == []
