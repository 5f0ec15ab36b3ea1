"""Switches that hang, crash, forget everything or were never there: the others go on, and nothing is wiped."""

import time
from collections.abc import Callable

import pytest
from vtep_switch import VtepSwitch, mac, reconcile
from waiting import eventually

from midonet.events.errors import Unavailable
from midonet.projections.base import Checkpoint
from midonet.projections.vtep import Key, Value, VtepTarget, read_rows

RED = "mn-red"
DESIRED: dict[Key, Value] = {
    ("switch", RED): 10001,
    ("binding", "swp1", 0): RED,
    ("ucast", RED, mac(1)): ("172.31.0.1", "10.0.0.1"),
    ("mcast", RED, "unknown-dst"): ("172.31.0.1",),
}


def test_a_frozen_server_is_noticed_idle_and_writing(switch: VtepSwitch, targets: Callable[..., VtepTarget]) -> None:
    idle, writing = targets(probe=0.3), targets(probe=0.3)
    woken: list[bool] = []
    idle.on_change(lambda: woken.append(True))
    reconcile(writing, DESIRED, 1)
    idle.load()
    switch.freeze()
    with pytest.raises(Unavailable, match="silent"):
        writing.write({}, Checkpoint(2))
    eventually(idle.drifted, 5)
    assert woken
    with pytest.raises(Unavailable):
        idle.load()
    switch.thaw()
    assert idle.load()[1] == DESIRED


def test_a_killed_server_is_noticed_at_once_and_met_again(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    switch.kill()
    eventually(target.drifted, 1)
    with pytest.raises(Unavailable):
        target.write({}, Checkpoint(2))
    with pytest.raises(Unavailable, match="refused"):
        target.load()
    switch.start()
    assert reconcile(target, DESIRED, 2) == {}


def test_unanswered_write_is_found_by_the_next_load(switch: VtepSwitch, targets: Callable[..., VtepTarget]) -> None:
    target = targets(probe=0.3)
    target.load()
    switch.freeze()
    with pytest.raises(Unavailable):
        target.write(DESIRED, Checkpoint(1))
    switch.thaw()
    checkpoint, rows = target.load()
    assert (checkpoint, rows) in [(Checkpoint(1), DESIRED), (Checkpoint(0), {})]
    reconcile(target, DESIRED, 2)
    assert read_rows(*switch.tcp) == DESIRED


def test_a_switch_that_forgot_everything_gets_it_again(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 7)
    switch.reset()
    eventually(target.drifted)
    assert target.load() == (Checkpoint(), {})
    reconcile(target, DESIRED, 7)
    assert read_rows(*switch.tcp) == DESIRED


@pytest.mark.alone
def test_switches_without_a_shared_bridge_are_independent(switch: VtepSwitch, target: VtepTarget) -> None:
    with VtepSwitch(host="127.0.0.2") as second:
        other = VtepTarget(*second.tcp)
        reconcile(target, DESIRED, 1)
        reconcile(other, {("switch", RED): 10001}, 2)
        second.freeze()
        started = time.monotonic()
        reconcile(target, {**DESIRED, ("switch", "mn-blue"): 10002}, 3)
        assert time.monotonic() - started < 5, "it does not wait for an answer of the other one"
        assert read_rows(*switch.tcp).keys() == {*DESIRED, ("switch", "mn-blue")}
        second.thaw()
        assert read_rows(*second.tcp) == {("switch", RED): 10001}
        other.close()


def test_deleted_vtep_is_cleared_with_its_checkpoint(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    target.clear()
    target.close()
    assert read_rows(*switch.tcp) == {}
    assert switch.config() == {}
