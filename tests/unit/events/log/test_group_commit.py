"""The combining writer where things go wrong: a full queue, a stop, a log that fails, a writer that breaks down."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest
from unlucky import Fate, UnluckyLog

from midonet.events.commands.command import Command, Create
from midonet.events.errors import OutcomeUnknown, Unavailable
from midonet.events.log import open_log
from midonet.events.log.group_commit import GroupCommitWriter
from midonet.events.log.pending_command import Context, Result
from midonet.events.log.store import Store

ME = Context(actor="me@here")
PATIENCE = 30.0


def bridge(name: str) -> Command:
    return Command("bridge.create", [Create("bridge", {"name": name})])


def names(store: Store) -> set[str]:
    store.refresh()
    return {each.name for each in store.topology.all("bridge").values()}


class Held:
    """A log that lets an append begin only when it is released."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.begun, self.released = Event(), Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, *arguments: Any) -> int:
        """Wait, then append."""
        self.begun.set()
        assert self.released.wait(PATIENCE)
        return int(self._log.append(*arguments))


Opener = Callable[..., Store]


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    """Open a store on the one log of the test, which `around` may wrap."""

    def open_store(around: Callable[[Any], Any] = lambda log: log) -> Store:
        return Store(around(open_log(f"sqlite:///{tmp_path}/log.db")))

    return open_store


@contextmanager
def held(
    opened: Opener, fates: list[Fate], **settings: Any
) -> Iterator[tuple[GroupCommitWriter, Held, Future[Result]]]:
    """Start a writer that is in the middle of an append for a first command; let it go on at the end."""
    locks: list[Held] = []

    def around(log: Any) -> Any:
        locks.append(Held(UnluckyLog(log, fates)))
        return locks[0]

    with GroupCommitWriter(lambda: opened(around), **settings) as writer:
        first = writer.submit(bridge("first"), ME)
        assert locks[0].begun.wait(PATIENCE)
        try:
            yield writer, locks[0], first
        finally:
            locks[0].released.set()


def test_waiting_commands_share_a_batch(opened: Opener) -> None:
    with held(opened, []) as (writer, lock, first):
        others = [writer.submit(bridge(f"b{n}"), ME) for n in range(100)]
        lock.released.set()
        assert [future.result(PATIENCE).position for future in (first, *others)] == list(range(1, 102))


def test_a_full_queue_refuses_and_does_nothing(opened: Opener) -> None:
    with held(opened, [], capacity=2) as (writer, lock, _):
        waiting = [writer.submit(bridge(f"b{n}"), ME) for n in range(2)]
        with pytest.raises(Unavailable, match="2 commands are waiting already; try again"):
            writer.submit(bridge("too many"), ME)
        lock.released.set()
        assert [future.result(PATIENCE).position for future in waiting] == [2, 3]
        assert writer.execute(bridge("later"), ME).position == 4
    assert "too many" not in names(opened())


def test_a_command_that_is_cancelled_in_time_is_never_run(opened: Opener) -> None:
    with held(opened, []) as (writer, _, first):
        second = writer.submit(bridge("second"), ME)
        assert not first.cancel()
        assert second.cancel()
    assert names(opened()) == {"first"}


def test_stopping_answers_all_that_was_accepted(opened: Opener) -> None:
    with held(opened, []) as (writer, _, first):
        others = [writer.submit(bridge(f"b{n}"), ME) for n in range(10)]
    assert all(future.done() for future in (first, *others))
    assert len(names(opened())) == 11
    with pytest.raises(Unavailable, match="the writer was stopped; nothing was done"):
        writer.submit(bridge("late"), ME)
    writer.stop()


class Interrupted(BaseException):
    """As `KeyboardInterrupt`, which would end the tests if it came a moment too late."""


def test_interrupted_waiter_does_not_block_later_ones(opened: Opener) -> None:
    def interrupt(*_: Any) -> None:
        raise Interrupted

    def interrupted() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        writer.execute(bridge("interrupted"), ME)

    def after_it() -> Result:
        sleep(0.1)
        return writer.execute(bridge("behind"), ME)

    before = signal.signal(signal.SIGALRM, interrupt)
    with held(opened, []) as (writer, lock, _), ThreadPoolExecutor(1) as pool:
        behind = pool.submit(after_it)
        with pytest.raises(Interrupted):
            interrupted()
        lock.released.set()
        behind.result(PATIENCE)
    signal.signal(signal.SIGALRM, before)
    assert names(opened()) == {"first", "interrupted", "behind"}


def test_a_writer_that_was_not_started_refuses(opened: Opener) -> None:
    writer = GroupCommitWriter(opened)
    with pytest.raises(Unavailable, match="has not been started"):
        writer.submit(bridge("early"), ME)
    writer.stop()


def test_a_log_that_cannot_be_opened_fails_the_start(tmp_path: Path) -> None:
    absent = f"sqlite:///{tmp_path}/absent.db"
    writer = GroupCommitWriter(lambda: Store(open_log(absent, create=False)))
    with pytest.raises(Unavailable, match="cannot be opened"):
        writer.start()
    with pytest.raises(Unavailable, match="has not been started"):
        writer.submit(bridge("early"), ME)


def test_a_log_that_fails_is_no_end(opened: Opener) -> None:
    with held(opened, [Unavailable("no space"), Unavailable("no space")]) as (writer, lock, first):
        others = [writer.submit(bridge(f"b{n}"), ME) for n in range(5)]
        lock.released.set()
        assert {type(future.exception(PATIENCE)) for future in (first, *others)} == {Unavailable}
        assert writer.execute(bridge("after"), ME).position == 1
    assert names(opened()) == {"after"}


@pytest.mark.parametrize("fate", ["arrived", "late", "lost"])
def test_an_answer_that_is_lost_is_looked_for(opened: Opener, fate: str) -> None:
    with held(opened, ["fine", fate]) as (writer, lock, first):
        others = [writer.submit(bridge(f"b{n}"), ME) for n in range(10)]
        lock.released.set()
        positions = [future.result(PATIENCE).position for future in (first, *others)]
    assert sorted(positions) == list(range(1, 12))
    assert len(names(opened())) == 11


def test_failed_writer_answers_all_callers(opened: Opener) -> None:
    with held(opened, ["fine", SystemExit("gone")]) as (writer, lock, first):
        others = [writer.submit(bridge(f"b{n}"), ME) for n in range(3)]
        lock.released.set()
        assert first.result(PATIENCE).position == 1
        lost = [future.exception(PATIENCE) for future in others]
        assert {type(error) for error in lost} == {OutcomeUnknown}
        assert len({error.details["command_id"] for error in lost if isinstance(error, OutcomeUnknown)}) == 3
        with pytest.raises(Unavailable, match="failed: SystemExit: gone; nothing was done"):
            writer.execute(bridge("late"), ME)
    assert names(opened()) == {"first"}


def test_failed_writer_did_not_start_waiting_commands(opened: Opener) -> None:
    with held(opened, [RuntimeError("a fault")]) as (writer, lock, first):
        other = writer.submit(bridge("other"), ME)
        lock.released.set()
        assert isinstance(first.exception(PATIENCE), OutcomeUnknown)
        error = other.exception(PATIENCE)
        assert type(error) is Unavailable
        assert isinstance(error.__cause__, RuntimeError)


def test_an_idle_writer_reads_what_others_write(opened: Opener) -> None:
    stores: list[Store] = []

    def remembered() -> Store:
        stores.append(opened())
        return stores[-1]

    other = opened()
    with GroupCommitWriter(remembered, idle=0.01):
        other.execute(bridge("by another"), ME)
        deadline = monotonic() + PATIENCE
        while stores[0].topology.head != other.topology.head:
            assert monotonic() < deadline
            sleep(0.01)


def test_idle_writer_continues_after_a_log_outage(opened: Opener) -> None:
    looked = Event()

    class Away:
        def __init__(self, log: Any) -> None:
            self._log = log

        def __getattr__(self, name: str) -> Any:
            return getattr(self._log, name)

        def read(self, after: Any) -> Any:
            if not looked.is_set():
                looked.set()
                raise Unavailable("away")
            return self._log.read(after)

    with GroupCommitWriter(lambda: opened(Away), idle=0.01) as writer:
        assert looked.wait(PATIENCE)
        assert writer.execute(bridge("a"), ME).position == 1
