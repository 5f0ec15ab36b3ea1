"""Of two that write to one switch one does: what a frozen one had under way changes nothing once another one writes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event

import pytest
from vtep_site import Site, started
from vtep_switch import VtepSwitch, mac, reconcile
from waiting import eventually

from midonet.events.commands.command import Create
from midonet.events.errors import Rejected
from midonet.events.log import open_log
from midonet.projections.base import Checkpoint, Fenced
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.ovsdb import Client
from midonet.projections.vtep import Key, Value, VtepProjection, VtepTarget
from midonet.projections.vtep.drift_watch import DriftWatch

RED = "mn-red"
Targets = Callable[..., VtepTarget]
Halted = tuple[Event, Event]


def at(position: int) -> Checkpoint:
    return Checkpoint(position, f"{position:064x}")


@pytest.fixture
def keep(site: Site, switch: VtepSwitch) -> Iterator[Callable[[], Runner[Key, Value]]]:
    """Return what starts another node that keeps the switch, in transactions of a few rows."""
    with ExitStack() as running:

        def start() -> Runner[Key, Value]:
            feed = Feed(lambda: open_log(site.url), idle=0.2)
            target = VtepTarget(*switch.tcp, batch=10)
            runner = Runner(feed, VtepProjection(site.id_of("vtep", "tor")), target, grace=1.0)
            running.enter_context(started(feed))
            running.enter_context(started(runner))
            return runner

        yield start


def halt(monkeypatch: pytest.MonkeyPatch, station: str, count: int) -> list[Halted]:
    """Let the first `count` writers stop before they send a station; return for each (it has stopped, let it go on)."""
    halts = [(Event(), Event()) for _ in range(count)]
    waiting, plan = iter(halts), DriftWatch.plan

    def halting(self: DriftWatch, delta: dict[Key, Value | None]) -> object:
        if any(key[-1] == station for key in delta) and (halted := next(waiting, None)):
            halted[0].set()
            assert halted[1].wait(30)
        return plan(self, delta)

    monkeypatch.setattr(DriftWatch, "plan", halting)
    return halts


def test_a_frozen_writer_wakes_up_in_the_midst_of_its_successors_change(
    site: Site, switch: VtepSwitch, keep: Callable[[], Runner[Key, Value]], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add_vtep("tor", switch)
    first = keep()
    site.settle(switch)
    second = keep()
    eventually(lambda: second.status().state == "live")
    site.create("bridge", "another")  # one of them is first, and the other one stands by from now on
    eventually(lambda: sorted((first.status().role, second.status().role)) == ["standby", "writing"])
    (frozen, thaw), (succeeding, go_on) = halt(monkeypatch, mac(30), 2)
    site.run(*(Create("mac-entry", {"bridge": "net", "mac": mac(n), "port": "p1"}) for n in range(1, 61)))
    assert frozen.wait(30)
    assert succeeding.wait(30)
    before = switch.table("Ucast_Macs_Remote")
    thaw.set()
    eventually(lambda: "standby" in (first.status().role, second.status().role))
    assert switch.table("Ucast_Macs_Remote") == before
    go_on.set()
    site.settle(switch)
    assert len(switch.table("Ucast_Macs_Remote")) == 60, "no row is there twice"
    assert (len(first.drift), len(second.drift)) == (0, 0), "no other client wrote"


def test_late_writer_does_not_preempt_a_faster_one(targets: Targets) -> None:
    slow, fast = targets(), targets()
    slow.load()
    reconcile(fast, {("switch", RED): 10001}, 1)
    with pytest.raises(Fenced, match="moved the checkpoint") as late:
        slow.write({}, at(2))
    assert not late.value.bulk
    fast.write({}, at(2))


def test_preempted_writer_backs_off_once(targets: Targets) -> None:
    first, second = targets(), targets()
    reconcile(first, {("switch", RED): 10001}, 1)
    second.load()
    second.write({}, at(1))
    with pytest.raises(Fenced, match="is changing") as preempted:
        first.write({}, at(2))
    assert preempted.value.bulk
    first.load()  # as after every write that failed
    first.write({}, at(2))
    with pytest.raises(Fenced):
        second.write({}, at(3))


def test_lock_is_free_after_its_preemptor_ends(targets: Targets) -> None:
    first, second, third = targets(), targets(), targets()
    reconcile(first, {("switch", RED): 10001}, 1)
    second.load()
    second.write({}, at(1))
    second.close()
    with pytest.raises(Fenced, match="is changing"):
        first.write({}, at(2))
    third.load()
    third.write({}, at(2))
    assert first.load()[0] == at(2)
    first.write({}, at(3))


def test_a_server_without_locks_has_the_checkpoint(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Client, lock: str) -> None:
        raise Rejected("unknown method", error=lock)

    monkeypatch.setattr(Client, "steal", refuse)
    first, second = targets(), targets()
    reconcile(first, {("switch", RED): 10001}, 1)
    second.load()
    second.write({}, at(2))
    with pytest.raises(Fenced, match="moved the checkpoint"):
        first.write({}, at(2))
