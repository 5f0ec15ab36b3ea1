"""The states of a view that is not paused, and its lag."""

import time

import pytest

from midonet.events.errors import Unavailable
from midonet.projections.engine.status import Arrivals, Health, State, moving_state


@pytest.mark.parametrize(
    ("in_step", "empty", "lag", "quiet", "failing", "state"),
    [
        (True, False, 0.0, 3600.0, 0.0, "live"),
        (True, False, 0.2, 3600.0, 0.0, "live"),
        (True, False, 3.0, 0.1, 0.0, "catching-up"),
        (True, False, 3600.0, 0.1, 0.0, "catching-up"),
        (True, False, 60.0, 60.0, 0.0, "stalled"),
        (False, False, 8.1, 60.0, 0.1, "stalled"),
        (False, False, 0.0, 60.0, 0.1, "catching-up"),
        (False, True, 60.0, 0.1, 0.1, "rebuilding"),
        (False, False, 0.0, 60.0, 60.0, "stalled"),
    ],
)
def test_states(  # noqa: PLR0913 - a row of the table
    *, in_step: bool, empty: bool, lag: float, quiet: float, failing: float, state: State
) -> None:
    found = moving_state(in_sync=in_step, empty=empty, lag_seconds=lag, quiet_seconds=quiet, failing_seconds=failing)
    assert found == state


def test_quiet_time_includes_the_silence_before_failure() -> None:
    standing = Health("nsdb")
    standing.succeeded(1)
    assert standing.failing_seconds == 0
    before = standing.quiet_seconds
    standing.failed(Unavailable("gone"))
    assert standing.quiet_seconds >= before
    assert 0 < standing.failing_seconds <= standing.quiet_seconds


NOW, DAY = 1_800_000_000.0, 86_400.0


def stamp(clock: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock))


@pytest.mark.parametrize("wrong", [-DAY, 0.0, DAY])
def test_a_wrong_clock_makes_no_commit_older(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    arrivals = Arrivals()
    for came in (110.0, 120.0):
        monkeypatch.setattr(time, "monotonic", lambda came=came: came)
        arrivals.add()
    monkeypatch.setattr(time, "monotonic", lambda: 125.0)
    assert [arrivals.age(count, stamp(NOW + wrong)) for count in (0, 1, 2)] == [0.0, 5.0, 15.0]


def test_age_of_earlier_commits_follows_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    arrivals = Arrivals()
    monkeypatch.setattr(time, "monotonic", lambda: 103.0)
    assert arrivals.age(1, stamp(NOW - DAY)) == DAY
    assert arrivals.age(1, stamp(NOW + DAY)) == 3.0, "at least the time since it arrived"
