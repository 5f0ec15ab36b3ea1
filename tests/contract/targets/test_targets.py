"""Every target ends up as it should be, whatever happens on the way: one suite, on every kind of target."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from places import Place
from scenarios import SCENARIOS, SETTING, Steps, orders
from world import World

from midonet.events.commit import Head
from midonet.events.errors import Unavailable
from midonet.projections.base import Checkpoint, Fenced, Target
from midonet.projections.engine.delta_tracker import DeltaTracker
from midonet.projections.zookeeper import batches as zookeeper_batches
from midonet.testbed import ZooKeeperEnsemble

_ORDERS = 3
_ATTEMPTS = 40
_BYTES = (40, 150, 400, 900, 1_800, 4_000)

_QUICK = ("one goes while another comes", "a port moves")

EACH = pytest.mark.parametrize("name", SCENARIOS)
SOME = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in _QUICK else [pytest.mark.nightly]) for name in SCENARIOS]
)
"""All scenarios at night, some in between."""

WIRED = pytest.mark.parametrize("place", ["zookeeper", "ovsdb"], indirect=True)
"""Places behind a wire that can be cut."""


class CrashError(BaseException):
    """The process ends here."""


class Bringer:
    """One process after the other that brings a target to where a network is."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.world = World()
        self._projection = place.projection()
        self._projection.attach(self.world.topology)
        self.target: Target[Any, Any] = place.target()
        self._tracker: DeltaTracker[Any, Any] | None = None
        self.do(SETTING)

    def do(self, steps: Iterable[Any]) -> None:
        """Let something happen to the network; each step is a commit."""
        for step in steps:
            before = self.world.topology.head.position
            self.world.run(step)
            self.world.topology.head = Head(before + 1, f"{before + 1:064x}")
        self._projection.attach(self.world.topology)
        if self._tracker is not None:
            self._tracker.touch_all()

    @property
    def head(self) -> Checkpoint:
        """Where the network is."""
        return Checkpoint(self.world.topology.head.position, self.world.topology.head.hash)

    def begin_anew(self, target: Target[Any, Any] | None = None) -> None:
        """As if the process had ended and another one began."""
        self.target, self._tracker = target or self.place.target(), None

    def bring(self) -> None:
        """Write what is missing, as a runner does, every other time in two steps; raises what goes wrong."""
        if self._tracker is None or self.target.drifted():
            self._load()
        assert self._tracker is not None
        delta = self._tracker.delta()
        begin = getattr(self.target, "begin", None) if self.head.position % 2 else None
        answer = begin(delta, self.head) if begin is not None else None
        if answer is not None:
            answer()
        else:
            self.target.write(delta, self.head)
        self._tracker.written()

    def _load(self) -> None:
        _, actual = self.target.load()
        if self._tracker is None:
            self._tracker = DeltaTracker(self._projection, self.place.same)
            self._tracker.touch_all()
        self._tracker.reconcile(actual)

    def bring_in_the_end(self) -> None:
        """Try again for as long as it takes, within reason."""
        for _ in range(_ATTEMPTS):
            try:
                self.bring()
            except (Unavailable, Fenced):
                time.sleep(0.05)
                with suppress(Unavailable, Fenced):
                    self._load()
            else:
                return
        self.bring()

    def check(self) -> None:
        """The target has the desired values, and no other target is changed."""
        rendered = ((key, self._projection.render(key)) for key in self._projection.keys())  # noqa: SIM118 - no mapping
        desired, actual = {key: value for key, value in rendered if value is not None}, self.place.actual()
        assert actual.keys() == desired.keys()
        assert [key for key, value in desired.items() if not self.place.same(actual[key], value)] == []
        assert self.place.checkpoint() == self.head


def run(place: Place, name: str, play: Callable[[Bringer, Steps], None], count: int = _ORDERS) -> None:
    """Let a scenario happen, in some orders; the target keeps what it has from one to the next."""
    foreign = place.foreign()
    for order in orders(SCENARIOS[name], count):
        bringer = Bringer(place)
        with suppress(Fenced):  # what the last one left is as new to it as to a process of another release
            bringer.bring()
        bringer.begin_anew()
        play(bringer, order)
        bringer.check()
    assert place.foreign() == foreign


@SOME
def test_step_by_step(place: Place, name: str) -> None:
    def play(bringer: Bringer, order: Steps) -> None:
        for step in order:
            bringer.do([step])
            bringer.bring_in_the_end()
            assert place.checkpoint() == bringer.head

    run(place, name, play)


@EACH
def test_all_at_once(place: Place, name: str) -> None:
    def play(bringer: Bringer, order: Steps) -> None:
        bringer.do(order)
        bringer.bring_in_the_end()

    run(place, name, play)


@SOME
def test_in_many_small_transactions(place: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zookeeper_batches, "_MAX_OPERATIONS", 2)
    small = {"batch": 2} if "Switch" in type(place).__name__ else {}

    def play(bringer: Bringer, order: Steps) -> None:
        bringer.begin_anew(place.target(**small))
        bringer.do(order)
        bringer.bring_in_the_end()

    run(place, name, play)


@SOME
def test_twice(place: Place, name: str) -> None:
    def play(bringer: Bringer, order: Steps) -> None:
        bringer.bring_in_the_end()
        for step in order:
            slow = place.target()
            slow.load()
            bringer.do([step])
            bringer.bring_in_the_end()
            with pytest.raises(Fenced):
                slow.write({}, bringer.head)
            bringer.target.write({}, bringer.head)

    run(place, name, play, count=1)


class Crashing:
    """A target whose process ends before or after one of its operations."""

    def __init__(self, target: Target[Any, Any], at: int, *, after: bool) -> None:
        self._target, self._at, self._after = target, at, after

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._target, name)
        if name not in ("load", "begin", "write"):
            return operation

        def counted(*args: Any) -> Any:
            self._at -= 1
            if self._at < 0 and not self._after:
                raise CrashError
            result = operation(*args)
            if self._at < 0:
                raise CrashError
            return result

        return counted


@SOME
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_operation(place: Place, name: str, *, after: bool) -> None:
    def play(bringer: Bringer, order: Steps) -> None:
        half = len(order) // 2
        for at, steps in enumerate((order[:half], order[half:])):
            bringer.do(steps)
            crashing: Any = Crashing(place.target(), at, after=after)
            bringer.begin_anew(crashing)
            with pytest.raises(CrashError):
                bringer.bring()
            if at and not after:
                assert place.checkpoint() != bringer.head
            bringer.begin_anew()
            bringer.bring_in_the_end()
            bringer.check()

    run(place, name, play, count=1)


def cut_somewhere(place: Place, name: str, sizes: Sequence[int]) -> None:
    proxy = place.proxy
    assert proxy is not None

    def play(bringer: Bringer, order: Steps) -> None:
        for number, step in enumerate(order):
            bringer.do([step])
            proxy.cut_after(sizes[number % len(sizes)])
            bringer.bring_in_the_end()
        proxy.cut()
        bringer.bring_in_the_end()

    run(place, name, play, count=1)


@WIRED
@pytest.mark.parametrize("name", ["one goes while another comes", "all of it goes"])
def test_the_wire_is_cut_in_the_middle(place: Place, name: str) -> None:
    cut_somewhere(place, name, _BYTES)


@pytest.mark.nightly
@WIRED
@EACH
def test_the_wire_is_cut_at_any_byte(place: Place, name: str) -> None:
    for size in range(1, 1_200, 67):
        cut_somewhere(place, name, [size])


@pytest.mark.slow
@pytest.mark.parametrize("place", ["quorum"], indirect=True)
def test_the_leader_of_a_quorum_is_killed_meanwhile(place: Place, quorum: ZooKeeperEnsemble) -> None:
    def play(bringer: Bringer, order: Steps) -> None:
        for number, step in enumerate(order):
            bringer.do([step])
            leader = quorum.leader
            if number % 3 == 0 and leader is not None:
                leader.kill()
                bringer.bring_in_the_end()
                leader.start()
            bringer.bring_in_the_end()

    run(place, "one goes while another comes", play, count=1)
