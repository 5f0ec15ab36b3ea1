"""Stream processors are pure: batching, repetition and records outside the chain do not change the result."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midonet.events.commit import GENESIS, CommandRef, Commit, Event, canonical, sha256
from midonet.services.activity import PROCESSOR, ActivityService, State
from midonet.services.streams.processor import Batch, Gap, fold

START = Batch(PROCESSOR.start())


class Idle:
    """A runtime that has no lease and no error."""

    lease = None
    error = None

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def unheld_seconds(self) -> float:
        """Return for how many seconds no node has held the lease."""
        return self.seconds


@pytest.mark.parametrize(("seconds", "reason"), [(0.0, None), (9.0, None), (11.0, "no node processes it")])
def test_stream_without_owner_is_unhealthy(seconds: float, reason: str | None) -> None:
    service = object.__new__(ActivityService)  # without the servers that a whole one needs
    service._runtime = Idle(seconds)  # type: ignore[assignment]  # as above
    assert (service.health().ok, service.health().reason) == (reason is None, reason)


def chain(count: int, days: int = 1) -> list[bytes]:
    """Return the records of a log."""
    raws: list[bytes] = []
    for position in range(1, count + 1):
        commit = Commit(
            position=position,
            prev=sha256(raws[-1]) if raws else GENESIS.hash,
            id=f"c{position}",
            command=CommandRef("bridge.create" if position % 3 else "port.create", "0" * 64),
            time=f"2026-11-{1 + position * days // (count + 1):02}T00:00:00.000000Z",
            actor=f"a{position % 2}",
            channel="cli",
            events=[Event("bridge.created", 1, f"bridge/{position}", {})],
        )
        raws.append(canonical(commit))
    return raws


def documents(batches: Sequence[Batch[State]]) -> dict[str, object]:
    """Return what is left of the writes of batches."""
    found: dict[str, object] = {}
    for batch in batches:
        found.update(batch.writes)
    return {key: value for key, value in found.items() if value is not None}


def in_portions(raws: Sequence[bytes], sizes: Sequence[int]) -> list[Batch[State]]:
    """Fold records portion by portion, each of them overlapping the one before."""
    batches, done = [START], 0
    for size in [*sizes, len(raws)]:
        begin = max(0, done - 2)
        batches.append(fold(PROCESSOR, batches[-1]._replace(writes={}), raws[begin : done + size]))
        done = min(done + size, len(raws))
    return batches


@given(count=st.integers(1, 40), sizes=st.lists(st.integers(0, 9), max_size=8))
def test_batching_and_repetition_do_not_change_the_result(count: int, sizes: list[int]) -> None:
    raws = chain(count, days=3)
    whole, parts = fold(PROCESSOR, START, raws), in_portions(raws, sizes)
    assert parts[-1].state == whole.state
    assert parts[-1].head == whole.head
    assert documents(parts) == documents([whole])


def test_records_outside_the_chain_are_skipped() -> None:
    raws = chain(4)
    loser = canonical(msgspec.structs.replace(msgspec.json.decode(raws[2], type=Commit), id="loser"))
    mixed = [raws[0], b"{", raws[1], raws[1], raws[2], loser, raws[3]]
    assert fold(PROCESSOR, START, mixed) == fold(PROCESSOR, START, raws)


def test_missing_commits_raise_gap() -> None:
    with pytest.raises(Gap):
        fold(PROCESSOR, START, chain(3)[1:])


def test_activity_is_counted_by_day() -> None:
    batch = fold(PROCESSOR, START, chain(10))
    assert batch.writes["2026-11-01"] == {
        "commits": 10,
        "events": 10,
        "actors": {"a0": 5, "a1": 5},
        "channels": {"cli": 10},
        "commands": {"bridge.create": 7, "port.create": 3},
    }


def test_days_and_names_are_limited() -> None:
    state = State()
    left: dict[str, object] = {}
    for number in range(40):
        commit = msgspec.json.decode(chain(1)[0], type=Commit)
        time = f"2026-{1 + number // 28:02}-{1 + number % 28:02}T00:00:00Z"
        state, writes = PROCESSOR.step(state, msgspec.structs.replace(commit, time=time, actor=f"a{number}"))
        left.update(writes)
    kept = {day for day, value in left.items() if value is not None}
    assert kept == set(state.kept)
    assert len(kept) == 30
    for number in range(300):
        commit = msgspec.structs.replace(commit, time=time, actor=f"b{number}")
        state, _ = PROCESSOR.step(state, commit)
    assert len(state.actors) == 101
    assert sum(state.actors.values()) == state.commits
