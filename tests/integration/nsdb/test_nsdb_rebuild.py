"""Blue and green: the next generation beside the live one, one switch, and the way back, while everything goes on."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from typing import Any

import msgspec
import pytest
from agents import running
from kazoo.client import TransactionRequest
from projected import Projected
from waiting import eventually

from midonet.agent.view.snapshot import Snapshot
from midonet.events.commands.command import Create, Pause
from midonet.events.commit import Head, Record, canonical
from midonet.events.errors import Conflict, Diverged, NotFound, Unavailable
from midonet.events.log import open_log
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.projections.engine.feed import Feed
from midonet.projections.maintenance.compare import Differences, compare
from midonet.projections.maintenance.rebuild_nsdb import GenerationView, build, roll_back
from midonet.projections.nsdb import NsdbProjection, same_document, view_base
from midonet.projections.runtime.process_identity import current_process
from midonet.projections.zookeeper.generations import BuildState, Generations
from midonet.testbed import ZooKeeper, ZooKeeperEnsemble


def test_silent_server_is_reported(projected: Projected, zookeeper: ZooKeeper) -> None:
    projected.keep()
    projected.settle()
    with closing(Generations(projected.hosts, projected.root)) as generations:
        generations._client.handler.call_timeout = 0.2  # noqa: SLF001 - it would take seconds

        def work() -> None:
            with generations.exclusive("alice"):
                zookeeper.freeze()
                generations.checkpoint("1")

        try:
            with pytest.raises(Unavailable):
                work()
        finally:
            zookeeper.thaw()


def test_prune_without_a_view_is_not_found(projected: Projected) -> None:
    with (
        closing(Generations(projected.hosts, projected.root)) as generations,
        generations.exclusive("alice"),
        pytest.raises(NotFound, match="no view is published"),
    ):
        generations.prune()


class Rebuilding:
    """Rebuilds the view of a log."""

    def __init__(self, projected: Projected, stack: ExitStack) -> None:
        self.projected = projected
        self.place = projected.hosts, projected.root
        self.generations = stack.enter_context(closing(Generations(*self.place)))
        self.feed = Feed(lambda: open_log(projected.url), idle=0.2)
        self.feed.start()
        stack.callback(self.feed.stop)
        self.generations.live()  # connects

    def run(self) -> str:
        """Build the next generation and switch to it."""
        self.feed.wait_until_read(lambda: False)
        generation, _ = self.generations.begin()
        build(self.feed, self.generations, self.place, generation, lambda _: None)
        self.generations.prune()
        return generation

    def back(self) -> str:
        """Go back to the generation before."""
        return roll_back(self.feed, self.generations, self.place, lambda _: None)

    def compare(self) -> Differences:
        """Compare the live generation with the log."""
        live, log = self.generations.live(), open_log(self.projected.url)

        def topology_at(position: int) -> Topology:
            topology = Topology()
            for record in log.read():
                if record.commit.position <= position:
                    fold(topology, record)
            return topology

        def records(after: Head) -> Iterator[Record]:
            return iter(log.read(after))

        projection = NsdbProjection(view_base(self.projected.root, live))
        return compare(projection, GenerationView(self.generations, live), topology_at, records, same_document)


@pytest.fixture
def rebuilding(projected: Projected) -> Iterator[Rebuilding]:
    """A view with a running projection, and its rebuild."""
    bridge = projected.create("bridge", name="web")
    projected.run(*(Create("port", {"bridge": bridge, "name": f"p{number}"}) for number in range(200)))
    projected.keep()
    projected.settle()
    with ExitStack() as stack:
        yield Rebuilding(projected, stack)


@contextmanager
def writing(projected: Projected) -> Iterator[list[int]]:
    """Write commits continuously."""
    done, positions = threading.Event(), list[int]()

    def write() -> None:
        while not done.wait(0.002):
            projected.create("bridge", name=f"b{len(positions)}")
            positions.append(projected.store.topology.head.position)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield positions
    finally:
        done.set()
        writer.join()


def test_agents_and_daemons_follow_without_loss(projected: Projected, rebuilding: Rebuilding) -> None:
    host = projected.create("host", name="hv1")
    projected.create("tunnel-zone", name="z", members=[{"host": host, "address": "172.16.0.1"}])
    port = next(iter(projected.store.topology.all("port")))
    projected.set("port", port, host=host, interface="tap0")
    snapshots: list[Snapshot] = []
    with running(projected.hosts, projected.root, host, on_snapshot=snapshots.append):
        eventually(lambda: snapshots and snapshots[-1].position == projected.store.topology.head.position)
        whole = len(snapshots)
        with writing(projected) as positions:
            eventually(lambda: len(positions) > 20)
            assert [rebuilding.run(), rebuilding.run()] == ["2", "3"]
            assert rebuilding.back() == "2"
            eventually(lambda: len(positions) > 60)
        projected.settle()
        head = projected.store.topology.head.position
        eventually(lambda: snapshots[-1].position == head and snapshots[-1].generation == "2")
    assert [each.position for each in snapshots] == sorted(each.position for each in snapshots)
    assert {len(each.objects["port"]) for each in snapshots[whole:]} == {200}
    assert {each.generation for each in snapshots} >= {"1", "2"}
    eventually(lambda: not projected.differences())
    names = projected.kazoo().get_children(f"{projected.root}/nsdb")
    assert sorted(names) == ["2", "3"], "the live one and the one before"


def test_comparison_is_at_one_position_under_load(projected: Projected, rebuilding: Rebuilding) -> None:
    with writing(projected) as positions:
        eventually(lambda: positions)
        assert not rebuilding.compare()
    projected.settle()
    assert rebuilding.compare().position == projected.store.topology.head.position


def test_differences_are_reported_by_kind(projected: Projected, rebuilding: Rebuilding) -> None:
    projected.run(Pause("nsdb"))
    eventually(lambda: rebuilding.feed.control("nsdb").paused)
    time.sleep(0.5)
    hands, base, stray = projected.kazoo(), projected.base, "models/bridge/00000000-0000-4000-8000-000000000000"
    bridge = f"models/bridge/{next(iter(projected.store.topology.all('bridge')))}"
    ports = next(key for key in rebuilding.generations.read("1", None) if key.startswith("models/port/"))
    hands.set(f"{base}/{bridge}", b"edited")
    hands.delete(f"{base}/{ports}")
    hands.create(f"{base}/{stray}", b"stray")
    found = rebuilding.compare()
    assert (found.different, found.missing, found.extra) == ([bridge], [ports], [stray])
    assert rebuilding.run() == "2"
    assert not rebuilding.compare(), "the next generation never had it"


def test_an_interrupted_rebuild_is_continued_or_discarded(projected: Projected, rebuilding: Rebuilding) -> None:
    generations, hands = rebuilding.generations, projected.kazoo()
    assert generations.begin() == ("2", False)
    assert generations.begin() == ("2", True)
    hands.create(f"{projected.root}/nsdb/2/models/bridge/notes", b"mine", makepath=True)
    assert generations.discard() == "2"
    assert hands.get(f"{projected.root}/nsdb/2/models/bridge/notes")[0] == b"mine"
    assert generations.discard() is None
    assert generations.begin() == ("3", False)
    assert rebuilding.run() == "3"
    assert json.loads(hands.get(f"{projected.root}/nsdb")[0]) == {"generation": "3"}
    assert not rebuilding.compare()


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_leader_killed_during_the_switch_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    with ZooKeeperEnsemble() as ensemble, ExitStack() as stack:
        projected = stack.enter_context(Projected(f"sqlite:///{tmp_path}/log.db", ensemble.hosts, "/midonet"))
        projected.create("bridge", name="web")
        projected.keep()
        projected.settle()
        rebuilding = Rebuilding(projected, stack)
        leader, commit = ensemble.leader, TransactionRequest.commit_async
        assert leader is not None

        def kill(self: TransactionRequest) -> Any:
            switches = leader.running and f"{projected.root}/nsdb" in [step.path for step in self.operations]
            sent = commit(self) if after or not switches else None
            if switches:
                leader.kill()
            return sent or commit(self)

        monkeypatch.setattr(TransactionRequest, "commit_async", kill)
        assert rebuilding.run() == "2"
        assert not leader.running
        projected.create("bridge", name="more")
        projected.settle()
        assert rebuilding.generations.live() == "2"
        assert rebuilding.generations.build_state() == BuildState(previous="1")
        assert projected.differences() == []
        assert rebuilding.back() == "1"


def test_two_do_not_rebuild_at_once(rebuilding: Rebuilding) -> None:
    with (
        rebuilding.generations.exclusive("alice"),
        pytest.raises(Conflict, match="alice has locked"),
        rebuilding.generations.exclusive("bob"),
    ):
        pytest.fail("bob works as well")
    with rebuilding.generations.exclusive("bob"):
        pass


def test_writer_frozen_beyond_its_session_reverts_nothing(projected: Projected, rebuilding: Rebuilding) -> None:
    frozen, hands = rebuilding.generations, projected.kazoo()
    place = f"{projected.root}/state/projections/nsdb/rebuild"
    with closing(Generations(*rebuilding.place)) as other, frozen.exclusive("alice"):
        generation, _ = frozen.begin()
        hands.delete(place)  # as when the session is over
        assert frozen.live() == "1"
        with other.exclusive("bob"):
            with pytest.raises(Conflict, match="bob has taken over"):
                frozen.switch(generation)
            other.discard()
        with pytest.raises(Conflict, match="2 was discarded"):
            frozen.switch(generation)
    assert frozen.live() == "1"


def test_ending_process_removes_only_own_nodes(projected: Projected, rebuilding: Rebuilding) -> None:
    place = f"{projected.root}/state/projections/nsdb/rebuild"
    hands = projected.kazoo()
    with rebuilding.generations.exclusive("alice"):
        hands.delete(place)
        hands.create(place, b"bob", ephemeral=True)
    assert hands.exists(place)


def test_the_place_of_a_dead_process_is_taken_at_once_and_by_one_alone(
    projected: Projected, rebuilding: Rebuilding
) -> None:
    dead = Popen(["true"])
    dead.wait()
    path, hands = f"{projected.root}/state/projections/nsdb/rebuild", projected.kazoo()
    left = canonical(msgspec.structs.replace(current_process("carol"), pid=dead.pid))
    hands.create(path, left, ephemeral=True, makepath=True)  # its session lives on for seconds
    with closing(Generations(*rebuilding.place)) as other:
        won: list[str] = []

        def work(generations: Generations, who: str) -> None:
            with suppress(Conflict), generations.exclusive(who):
                won.append(who)
                time.sleep(1)

        threads = [
            threading.Thread(target=work, args=each) for each in ((rebuilding.generations, "alice"), (other, "bob"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(won) == 1


def test_lock_of_another_machine_is_waited_for(projected: Projected, rebuilding: Rebuilding) -> None:
    path, hands, told = f"{projected.root}/state/projections/nsdb/rebuild", projected.kazoo(), list[str]()
    hands.create(path, b"dave@elsewhere", ephemeral=True, makepath=True)

    def end(who: str) -> None:
        told.append(who)
        hands.delete(path)

    with rebuilding.generations.exclusive("alice", end):
        assert told == ["dave@elsewhere"]


def test_a_daemon_that_clears_up_is_waited_for_a_moment(projected: Projected, rebuilding: Rebuilding) -> None:
    path, hands, told = f"{projected.root}/state/projections/nsdb/rebuild", projected.kazoo(), list[str]()
    hands.create(path, canonical(current_process("recycler of n1")), ephemeral=True, makepath=True)
    threading.Timer(0.3, hands.delete, [path]).start()
    with rebuilding.generations.exclusive("alice", told.append):
        assert told == []


def test_there_may_be_nothing_to_go_back_to(rebuilding: Rebuilding) -> None:
    with pytest.raises(NotFound, match="no previous generation"):
        rebuilding.back()


def test_a_view_of_another_log_is_not_compared(projected: Projected, rebuilding: Rebuilding) -> None:
    hands, path = projected.kazoo(), f"{projected.root}/nsdb/9"
    hands.create(f"{path}/checkpoint", json.dumps({"position": 1, "hash": "1" * 64}).encode(), makepath=True)
    log = open_log(projected.url)
    topology = Topology()
    fold(topology, next(iter(log.read())))
    with pytest.raises(Diverged):
        compare(
            NsdbProjection(path),
            GenerationView(rebuilding.generations, "9"),
            lambda _: topology,
            log.read,
            same_document,
        )


def test_generation_switch_and_upgrade_are_no_drift(projected: Projected, rebuilding: Rebuilding) -> None:
    hands = projected.kazoo()
    assert rebuilding.run() == "2"
    projected.create("bridge", name="afterwards")
    projected.settle()
    (keeper,) = projected.keepers
    eventually(lambda: keeper.runner.status().state == "live")
    assert (len(keeper.runner.drift), keeper.runner.status().role) == (0, "writing")
    keeper.stop()
    bridge = next(iter(projected.store.topology.all("bridge")))
    hands.set(f"{projected.root}/nsdb/2/format", b"1")
    hands.create(f"{projected.root}/nsdb/2/models/bridge/{bridge}-f", b"as the release before packed it")
    younger = projected.keep()
    eventually(lambda: not projected.differences())
    eventually(lambda: younger.runner.status().state == "live")
    assert len(younger.runner.drift) == 0
    assert hands.get(f"{projected.root}/nsdb/2/format")[0] != b"1"
