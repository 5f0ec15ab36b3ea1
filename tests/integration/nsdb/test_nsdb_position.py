"""The writer and the standby report the right position, and no change of the other one counts as drift."""

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from projected import Projected
from waiting import eventually

from midonet.events.commands.command import Create, Pause
from midonet.events.commit import Record
from midonet.events.log import open_log
from midonet.events.log.base import Log, Progress
from midonet.projections.base import Checkpoint, Fenced
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.nsdb import NsdbProjection, expected_view, same_document
from midonet.projections.zookeeper import ZooKeeperTarget

_SLOW_LOOK = 600.0


def test_a_paused_view_shows_where_it_is_after_a_restart_too(projected: Projected) -> None:
    projected.create("bridge", name="web")
    projected.keep()
    projected.settle()
    position = projected.reader.checkpoint().position
    projected.run(Pause("nsdb"))
    projected.create("bridge", name="later")
    keeper = projected.keep()
    eventually(lambda: keeper.runner.status().state == "paused" and keeper.runner.status().position >= position)
    status = keeper.runner.status()
    assert status.position == projected.reader.checkpoint().position
    assert (status.lag_events, status.error) == (status.head - status.position, None)
    assert len(keeper.runner.drift) == 0
    projected.run(Pause("nsdb", paused=False))
    projected.settle()
    assert [len(each.runner.drift) for each in projected.keepers] == [0, 0]


def test_standby_repairs_drift_without_a_writer(projected: Projected) -> None:
    bridge = projected.create("bridge", name="web")
    writer, other = (projected.keep(reconcile_interval=_SLOW_LOOK, grace=1.0) for _ in range(2))
    eventually(lambda: {each.runner.status().state for each in (writer, other)} == {"live"})
    for number in range(20):
        projected.set("bridge", "web", tenant=f"t{number}")
        projected.settle()
    eventually(lambda: sorted(each.runner.status().role for each in (writer, other)) == ["standby", "writing"])
    if writer.runner.status().role == "standby":
        writer, other = other, writer
    hands, path = projected.kazoo(), f"{projected.base}/models/bridge/{bridge}"
    good = hands.get(path)[0]
    hands.set(path, b"edited")
    eventually(lambda: hands.get(path)[0] == good)
    time.sleep(1.6)
    assert (len(writer.runner.drift), len(other.runner.drift)) == (1, 0), "the writer does it while it lives"
    writer.runner.stop()
    time.sleep(0.5)
    begun = time.monotonic()
    hands.set(path, b"edited")
    eventually(lambda: hands.get(path)[0] == good)
    assert time.monotonic() - begun < 10, "not at the next look, which is in ten minutes"
    eventually(lambda: other.runner.status().role == "writing" and len(other.runner.drift) == 1)
    (repair,) = other.runner.drift.newest(9)
    assert repair.key == f"models/bridge/{bridge}"


def test_writer_frozen_in_a_large_change_is_fenced(projected: Projected) -> None:
    stale = projected.target()
    keys = [f"models/bridge/00000000-0000-4000-8000-{number:012x}" for number in range(600)]
    elsewhere, refused = "models/bridge/ffffffff-0000-4000-8000-000000000000", list[str]()

    def wakes(_: int) -> None:
        if not refused:
            with pytest.raises(Fenced) as caught:
                stale.write({elsewhere: b"stale"}, Checkpoint(1, "1" * 64))
            refused.append(str(caught.value))

    younger = ZooKeeperTarget(projected.hosts, projected.root, on_written=wakes)
    try:
        younger.load()
        stale.load()
        younger.write(dict.fromkeys(keys, b"new"), Checkpoint(2, "2" * 64))
        assert refused == ["another writer moved the checkpoint"]
        assert not younger.drifted()
        checkpoint, found = stale.load()
        assert checkpoint.position == 2
        assert set(found.values()) == {b"new"}
    finally:
        younger.close()
        stale.close()


class Lagging:
    """A log whose commits reach followers late, while its end can be read."""

    def __init__(self, log: Log, gate: threading.Event) -> None:
        self._log = log
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def follow(self, *args: Any, **options: Any) -> Iterator[Record | Progress]:
        """As the log's, but held up."""
        for item in self._log.follow(*args, **options):
            while isinstance(item, Record) and not self._gate.is_set() and not options["stopped"]():
                self._gate.wait(0.05)
            yield item


def test_partial_change_of_a_newer_writer_is_no_drift(projected: Projected) -> None:
    """Of two daemons the one that reads the log later finds what its own topology does not explain."""
    bridge, gate = projected.create("bridge", name="web"), threading.Event()
    gate.set()
    feed = Feed(lambda: cast("Log", Lagging(open_log(projected.url), gate)), idle=0.2)
    target = projected.target()
    runner = Runner(feed, NsdbProjection(lambda: target.base), target, same=same_document)
    try:
        feed.start()
        runner.start()
        projected.settle()
        gate.clear()
        projected.set("bridge", "web", tenant="later")
        found = expected_view(projected.store.topology, projected.base)
        path = f"{projected.base}/models/bridge/{bridge}"
        hands = projected.kazoo()
        hands.set(path, found[path])  # one of several transactions
        time.sleep(0.7)
        assert hands.get(path)[0] == found[path], "it was left as it is"
        gate.set()
        projected.settle()
        assert hands.get(path)[0] == found[path]
        assert runner.drift.newest(9) == []
    finally:
        runner.stop()
        feed.stop()


def test_large_changes_by_two_writers_are_no_drift(projected: Projected) -> None:
    bridge = projected.create("bridge", name="web")
    keepers = [projected.keep(grace=0.01, reconcile_interval=0.2) for _ in range(2)]
    for turn in range(6):
        projected.run(*(Create("bridge", {"name": f"b{turn}-{number}"}) for number in range(700)))
        projected.set("bridge", bridge, tenant=f"t{turn}")
    projected.settle()
    eventually(lambda: not projected.differences())
    assert [each.runner.drift.newest(3) for each in keepers] == [[], []]
