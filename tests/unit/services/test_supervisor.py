"""A service that fails in any way is reported and restarted, and affects no other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from threading import Event, Thread
from time import monotonic
from typing import ClassVar, cast

import pytest
from waiting import eventually

from midonet.events.errors import Misconfigured, Unavailable
from midonet.services.runtime import supervisor as keeping
from midonet.services.runtime.context import Context
from midonet.services.runtime.service import Health, Service
from midonet.services.runtime.supervisor import StartBlocked, Supervisor, describe


class Recorder(Service):
    """Writes down what is done to it."""

    calls: ClassVar[list[str]]
    trouble: ClassVar[dict[str, BaseException]]
    reason: ClassVar[str | None]

    def start(self) -> None:
        """As told."""
        self._do("start")

    def stop(self) -> None:
        """As told."""
        self._do("stop")

    def health(self) -> Health:
        """As told."""
        self._do("health")
        return Health(ok=self.reason is None, reason=self.reason)

    def _do(self, what: str) -> None:
        if what != "health":
            self.calls.append(what)
        if what in self.trouble:
            raise self.trouble.pop(what)


@pytest.fixture(autouse=True)
def quick_and_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorder.calls, Recorder.trouble, Recorder.reason = [], {}, None
    monkeypatch.setattr(keeping, "_FIRST_RESTART", 0.02)
    monkeypatch.setattr(keeping, "_HEALTH_SECONDS", 0.01)


def context(crashed: Callable[[BaseException], None]) -> Context:
    return cast("Context", crashed)  # the services of these tests use nothing else


@contextmanager
def kept(load: Callable[[], type[Service]], supervisors: dict[str, Supervisor] | None = None) -> Iterator[Supervisor]:
    supervisor = Supervisor("test", load, context, supervisors if supervisors is not None else {})
    supervisor.start()
    yield supervisor
    supervisor.stop()
    assert supervisor.join(5)
    assert supervisor.status().state == "stopped"


def test_service_runs_until_it_is_stopped() -> None:
    with kept(lambda: Recorder) as supervisor:
        assert supervisor.running.wait(5)
        eventually(lambda: supervisor.status().healthy)
        assert supervisor.status().state == "running"
    assert Recorder.calls == ["start", "stop"]
    assert not supervisor.running.is_set()


@pytest.mark.parametrize("when", ["start", "health"])
@pytest.mark.parametrize("error", [Unavailable("it is away"), ValueError("a bug"), SystemExit(3), KeyboardInterrupt()])
def test_crash_is_reported_and_the_service_restarted(when: str, error: BaseException) -> None:
    Recorder.trouble[when] = error
    with kept(lambda: Recorder) as supervisor:
        eventually(lambda: supervisor.status().restarts == 1 and supervisor.status().healthy)
        assert supervisor.status().last_error == describe(error)
    assert Recorder.calls == ["start", "stop", "start", "stop"]


def test_thread_of_the_service_may_report_a_crash() -> None:
    with kept(lambda: Recorder) as supervisor:
        assert supervisor.running.wait(5)
        crashed = cast("Callable[[BaseException], None]", supervisor._service.context)  # type: ignore[union-attr]  # noqa: SLF001
        crashed(ValueError("a thread died"))
        eventually(lambda: supervisor.status().restarts == 1 and supervisor.status().healthy)
        assert "a thread died" in str(supervisor.status().last_error)


def test_failing_stop_does_not_hide_the_first_error() -> None:
    Recorder.trouble["start"], Recorder.trouble["stop"] = ValueError("first"), ValueError("second")
    with kept(lambda: Recorder) as supervisor:
        eventually(lambda: supervisor.status().restarts == 1)
        assert "first" in str(supervisor.status().last_error)


def test_import_of_an_add_on_is_retried() -> None:
    attempts = []

    def load() -> type[Service]:
        attempts.append(1)
        if len(attempts) == 1:
            raise ImportError("no module named nonsense")
        return Recorder

    with kept(load) as supervisor:
        assert supervisor.running.wait(5)
        assert "nonsense" in str(supervisor.status().last_error)


@pytest.mark.alone
def test_restarts_back_off() -> None:
    begun: list[float] = []

    def load() -> type[Service]:
        begun.append(monotonic())
        raise ImportError

    with kept(load) as supervisor:
        eventually(lambda: supervisor.status().restarts >= 5)
        assert supervisor.status().state == "failed"
    pauses = [after - before for before, after in pairwise(begun)]
    assert pauses[3] > 2 * pauses[0]


def test_unhealthy_service_is_not_restarted() -> None:
    with kept(lambda: Recorder) as supervisor:
        eventually(lambda: supervisor.status().healthy)
        Recorder.reason = "the log is away"
        eventually(lambda: not supervisor.status().healthy)
        assert (supervisor.status().state, supervisor.status().reason) == ("running", "the log is away")
        Recorder.reason = None
        eventually(lambda: supervisor.status().healthy)
    assert Recorder.calls == ["start", "stop"]


def test_slow_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Event()

    class Slow(Recorder):
        def start(self) -> None:
            release.wait(10)

    monkeypatch.setattr(keeping, "START_SECONDS", 0.05)
    with kept(lambda: Slow) as supervisor:
        eventually(lambda: "has not started within" in str(supervisor.status().reason))
        release.set()
        eventually(lambda: supervisor.status().healthy)


def test_hanging_stop_does_not_block_the_others() -> None:
    release = Event()

    class Stuck(Recorder):
        def stop(self) -> None:
            release.wait(10)

    supervisor = Supervisor("stuck", lambda: Stuck, context, {})
    supervisor.start()
    assert supervisor.running.wait(5)
    supervisor.stop()
    assert not supervisor.join(0.05)
    release.set()
    assert supervisor.join(5)


def test_service_waits_for_the_services_it_needs() -> None:
    class Needy(Recorder):
        needs = ("first",)

    supervisors: dict[str, Supervisor] = {}
    supervisors["first"] = first = Supervisor("first", lambda: Recorder, context, supervisors)
    with kept(lambda: Needy, supervisors) as supervisor:
        eventually(lambda: supervisor.status().reason == "waiting for the service first")
        assert supervisor.status().state == "waiting"
        first.start()
        assert supervisor.running.wait(5)
        first.stop()
        assert first.join(5)


def test_missing_needed_service_is_named() -> None:
    class Needy(Recorder):
        needs = ("nothing",)

    with kept(lambda: Needy) as supervisor:
        eventually(lambda: supervisor.status().restarts > 0)
        assert supervisor.status().last_error == "needs the service nothing, which is not installed"


def test_service_stopped_while_waiting_never_starts() -> None:
    class Needy(Recorder):
        needs = ("first",)

    supervisors = {"first": Supervisor("first", lambda: Recorder, context, {})}
    with kept(lambda: Needy, supervisors) as supervisor:
        eventually(lambda: supervisor.status().state == "waiting")
    assert Recorder.calls == []


def test_blocked_service_starts_after_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_HEALTH_SECONDS", 60.0)
    holds = [StartBlocked("waiting", "waiting for the log to be read")]
    supervisor = Supervisor("test", lambda: Recorder, context, {}, lambda _: holds[0] if holds else None)
    supervisor.start()
    eventually(lambda: supervisor.status().state == "waiting")
    holds.clear()
    supervisor.wake()
    assert supervisor.running.wait(5)
    supervisor.stop()
    assert supervisor.join(5)


def test_broken_add_on_does_not_affect_others() -> None:
    class Broken(Recorder):
        def projections(self) -> tuple[()]:
            raise ValueError("a bug")

    with kept(lambda: Broken) as supervisor:
        assert supervisor.running.wait(5)
        assert supervisor.projections() == ()
        eventually(lambda: supervisor.status().restarts == 1)


def test_an_error_is_described_in_one_line() -> None:
    assert describe(Misconfigured("the topic may lose commits")) == "the topic may lose commits"
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("what")
    assert describe(caught.value).startswith(f"ValueError: {caught.value} ({__file__}:")
    assert describe(ValueError("what")) == "ValueError: what"


def test_service_can_be_restarted_repeatedly() -> None:
    supervisor = Supervisor("test", lambda: Recorder, context, {})
    for _ in range(5):
        supervisor.start()
        assert supervisor.running.wait(5)
        Thread(target=supervisor.stop).start()
        eventually(lambda: not supervisor.alive)
    assert Recorder.calls == ["start", "stop"] * 5
