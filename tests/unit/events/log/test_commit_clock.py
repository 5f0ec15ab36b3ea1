"""The time of a commit is never earlier than the one before, and a clock that ran ahead is noticed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from midonet.events.commands.command import Command, Create
from midonet.events.commit import GENESIS, Head
from midonet.events.errors import ClockSkew
from midonet.events.log import commit_clock, open_log
from midonet.events.log.commit_clock import CommitClock, clock_error, is_ahead
from midonet.events.log.pending_command import Context, PendingCommand
from midonet.events.log.store import Store
from midonet.events.log.verification import verified
from midonet.events.timestamps import utc

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ME = Context(actor="me")


def head(time: datetime | str) -> Head:
    return Head(7, "a" * 64, time if isinstance(time, str) else utc(time, "microseconds"))


def bridge(name: str) -> Command:
    return Command("bridge.create", [Create("bridge", {"name": name})])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    clock = Clock()
    monkeypatch.setattr(commit_clock, "datetime", clock)
    return clock


class Clock:
    """The clock of the machine, which a test may set."""

    fromisoformat = staticmethod(datetime.fromisoformat)
    time = NOW

    def now(self, _: object) -> datetime:
        """Return its time."""
        return self.time


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (NOW, None),
        (NOW + timedelta(seconds=300), None),
        (NOW + timedelta(seconds=301), "commit 7 is dated 2026-01-31T12:05:01.000000Z, which is ahead"),
        (NOW + timedelta(days=3650), "ahead of this machine's clock \\(2026-01-31T12:00:00Z\\)"),
        (NOW - timedelta(days=366), None),
        (NOW - timedelta(days=366, seconds=1), "clock \\(2026-01-31T12:00:00Z\\) is 366 days ahead of commit 7"),
        ("yesterday", "is not an RFC 3339 time"),
        ("2026-01-31T12:00:00", "is not an RFC 3339 time"),
    ],
)
def test_a_clock_that_contradicts_the_log_refuses(clock: Clock, time: datetime | str, said: str | None) -> None:
    del clock
    if said is None:
        assert CommitClock().time_after(head(time)) >= head(time).time
        return
    with pytest.raises(ClockSkew, match=said) as refused:
        CommitClock().time_after(head(time))
    assert "--accept-clock" in refused.value.message
    assert refused.value.details == {"position": 7, "time": head(time).time, "clock": "2026-01-31T12:00:00.000000Z"}


def test_the_bound_is_a_setting(clock: Clock) -> None:
    del clock
    late = head(NOW + timedelta(hours=1))
    assert CommitClock(max_skew=3600).time_after(late) == late.time
    with pytest.raises(ClockSkew):
        CommitClock(max_skew=3599).time_after(late)


def test_a_commit_is_never_earlier_than_the_one_before(clock: Clock) -> None:
    del clock
    late, early = head(NOW + timedelta(days=3650)), head(NOW - timedelta(seconds=1))
    assert CommitClock(accept=True).time_after(late) == late.time
    assert CommitClock().time_after(early) == "2026-01-31T12:00:00.000000Z"
    assert CommitClock().time_after(GENESIS) == "2026-01-31T12:00:00.000000Z"


def test_an_empty_log_contradicts_no_clock() -> None:
    assert clock_error(GENESIS) is None
    assert not is_ahead(GENESIS)
    assert is_ahead(head(datetime.now(UTC) + timedelta(hours=1)))
    assert not is_ahead(head(datetime.now(UTC)))


def test_nothing_is_written_after_a_clock_that_ran_ahead(clock: Clock, tmp_path: Path) -> None:
    store = Store(open_log(f"sqlite:///{tmp_path}/log.db"))
    store.execute(bridge("a"), ME)
    clock.time = NOW + timedelta(days=3650)
    with pytest.raises(ClockSkew):
        store.execute(bridge("b"), ME)
    store.clock = CommitClock(accept=True)
    store.execute(bridge("b"), ME)
    clock.time, store.clock = NOW, CommitClock()
    with pytest.raises(ClockSkew):
        store.execute(bridge("c"), ME)
    (refused, again) = store.run([PendingCommand(bridge(name), ME) for name in ("c", "d")])
    assert isinstance(refused, ClockSkew)
    assert isinstance(again, ClockSkew)
    assert store.refresh().position == store.topology.head.position == 2
    store.clock = CommitClock(accept=True)
    assert store.execute(bridge("c"), ME).position == 3
    times = [record.commit.time for record in store.log.read()]
    assert times == sorted(times)


def test_verification_names_the_first_time_in_the_future(clock: Clock, tmp_path: Path) -> None:
    store = Store(open_log(f"sqlite:///{tmp_path}/log.db"))
    clock.time = datetime.now(UTC)
    store.execute(bridge("a"), ME)
    assert verified(store.log).untrusted_time is None
    clock.time, store.clock = clock.time + timedelta(days=3650), CommitClock(accept=True)
    store.execute(bridge("b"), ME)
    store.execute(bridge("c"), ME)
    clock.time -= timedelta(days=3650)
    found = verified(store.log)
    assert (found.untrusted_time, found.count) == (2, 3)
