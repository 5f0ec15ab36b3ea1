"""What every log must do, whatever it is kept in. A backend's test file says only how to make and break one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from commits import chain, commit, extended, head_of, heads
from msgspec.structs import replace

from midonet.events.commit import GENESIS, MAX_COMMIT_BYTES, Head, Record
from midonet.events.errors import (
    Conflict,
    Diverged,
    HeadMoved,
    InvalidValue,
    LostCommits,
    NotFound,
    Tampered,
    TooLarge,
    Unavailable,
)
from midonet.events.log import Bookmark, Log, Progress, open_log

RACER = Path(__file__).with_name("racer.py")

Rows = list[tuple[int, bytes]]
"""What a log holds: the position where it says that a commit is, and the bytes of that commit."""


def never() -> bool:
    """Tell `follow` to go on for ever."""
    return False


Look = Callable[[Log, Head], Iterator[Record | Progress]]


def read(log: Log, after: Head) -> Iterator[Record]:
    """Look at what a log holds now."""
    return log.read(after)


def follow(log: Log, after: Head) -> Iterator[Record | Progress]:
    """Look at what a log holds and will hold."""
    return log.follow(after, stopped=never)


def start_racer(url: str, name: str, count: int) -> "subprocess.Popen[str]":
    """Start a process that appends `count` commits."""
    return subprocess.Popen(
        [sys.executable, RACER, url, name, str(count)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(racer: "subprocess.Popen[str]") -> dict[str, int]:
    """Wait for the end of a racer; return the position of each command that it was promised."""
    with racer:
        assert racer.stdout is not None
        return {command: int(position) for command, position in map(str.split, racer.stdout)}


def found(log: Log) -> dict[str, int]:
    """Return the position of each command in a log, once whole."""
    records = list(log.read())
    assert [record.commit.position for record in records] == list(range(1, len(records) + 1))
    positions = {record.commit.id: record.commit.position for record in records}
    assert len(positions) == len(records)
    return positions


class LogContract:
    """The cases; a subclass provides the log."""

    wakes_within = 0.05
    """Seconds that a follower may need in the median to see what another process appended."""

    @pytest.fixture
    def url(self) -> str:
        """Address of a log that does not exist yet and that only this test uses."""
        raise NotImplementedError

    def rewrite(self, url: str, rows: Rows) -> None:
        """Replace all that the log holds, behind its back."""
        raise NotImplementedError

    @pytest.fixture
    def log(self, url: str) -> Iterator[Log]:
        """An empty log."""
        with closing(open_log(url)) as log:
            yield log

    @pytest.fixture
    def rival(self, log: Log) -> Iterator[Log]:
        """The same log, opened a second time."""
        with closing(open_log(log.url)) as rival:
            yield rival

    # Reading and appending

    def test_an_empty_log_ends_where_every_log_begins(self, log: Log) -> None:
        """It has a head, and nothing to read."""
        assert log.head() == log.head_at(0) == GENESIS
        assert list(log.read()) == []
        assert log.find("any") is None

    def test_a_log_that_does_not_exist_is_not_made_by_looking(self, url: str) -> None:
        """`create=False` refuses, twice."""
        for _ in range(2):
            with pytest.raises(Unavailable):
                open_log(url, create=False)

    def test_read_returns_the_appended_commits(self, log: Log) -> None:
        """Byte for byte, by the writer and by a later reader."""
        batch = chain(GENESIS, 7)
        assert log.append(GENESIS, batch[:1]) == 1
        assert log.append(heads(batch)[1], batch[1:]) == 6
        with closing(open_log(log.url, create=False)) as later:
            for reader in (log, later):
                assert [record.raw for record in reader.read()] == batch
                assert reader.head() == heads(batch)[-1]
                assert reader.skipped == 0

    def test_positions_have_heads(self, log: Log) -> None:
        """Every position up to the end, and none beyond it."""
        batch = chain(GENESIS, 5)
        log.append(GENESIS, batch)
        assert [log.head_at(position) for position in range(6)] == heads(batch)
        for position in (-1, 6):
            with pytest.raises(NotFound):
                log.head_at(position)

    def test_reading_continues_after_any_head(self, log: Log) -> None:
        """A reader resumes where it was."""
        batch = chain(GENESIS, 5)
        log.append(GENESIS, batch)
        for position, head in enumerate(heads(batch)):
            assert [record.raw for record in log.read(head)] == batch[position:]

    def test_a_long_batch_is_read_back_whole(self, log: Log) -> None:
        """Several times what is written or read at once, and a reader that uses the log meanwhile."""
        batch = chain(GENESIS, 5_000)
        assert log.append(GENESIS, batch) == 5_000
        for record in log.read():
            assert record.raw == batch[record.commit.position - 1]
            if record.commit.position % 1_000 == 0:
                assert log.head_at(17).position == 17
        assert log.head() == heads(batch)[-1]

    def test_the_largest_commit_is_kept(self, log: Log) -> None:
        """And a larger one is refused before anything is written."""
        rest = MAX_COMMIT_BYTES - len(commit(GENESIS, reason=""))
        largest = commit(GENESIS, reason="x" * rest)
        assert len(largest) == MAX_COMMIT_BYTES
        assert log.append(GENESIS, [largest]) == 1
        head = log.head()
        too_large = commit(head, reason="x" * (rest + 1))
        with pytest.raises(TooLarge):
            log.append(head, [commit(head), too_large])
        assert [record.raw for record in log.read()] == [largest]

    @pytest.mark.parametrize(
        "batch",
        [[], [b""], [b"{}"], [commit(Head(1, "0" * 64))], [commit(Head(0, "1" * 64))], chain(GENESIS, 2)[::-1]],
    )
    def test_invalid_record_is_not_written(self, log: Log, batch: list[bytes]) -> None:
        """Whatever a caller hands in."""
        with pytest.raises(InvalidValue):
            log.append(GENESIS, batch)
        assert log.head() == GENESIS

    def test_records_are_taken_as_their_bytes_are(self, log: Log) -> None:
        """A caller that has parsed the bytes passes the record."""
        batch = chain(GENESIS, 3)
        records = extended(batch)
        assert log.append(GENESIS, [records[0], batch[1], records[2]]) == 3
        assert list(log.read()) == records

    def test_records_are_checked_just_as_bytes_are(self, log: Log) -> None:
        """A record of another place, or one whose bytes are others by now, is not written."""
        first, second = extended(chain(GENESIS, 2))
        for batch in ([second], [second, first], [first, first], [replace(first, raw=second.raw)]):
            with pytest.raises(InvalidValue):
                log.append(GENESIS, batch)
        with pytest.raises(Conflict):
            log.append(GENESIS, extended([first.raw, commit(first.head, id=first.commit.id)]))
        assert log.head() == GENESIS

    # Several writers

    def test_slower_writer_receives_the_preceding_commits(self, log: Log, rival: Log) -> None:
        """None of its batch is accepted, and it goes on from the new head."""
        first = chain(GENESIS, 3, actor="bob@host")
        second = chain(GENESIS, 2)
        rival.append(GENESIS, first)
        with pytest.raises(HeadMoved) as caught:
            log.append(GENESIS, second)
        details = caught.value.details
        assert (details["expected"], details["actual"]) == (0, 3)
        assert [between["position"] for between in details["commits"]] == [1, 2, 3]
        assert details["commits"][0]["actor"] == "bob@host"
        assert details["commits"][0]["command"] == "bridge.create"
        head = heads(first)[-1]
        assert log.append(head, [commit(head)]) == 1
        assert log.head().position == 4

    def test_writers_of_one_process_take_turns(self, log: Log, rival: Log) -> None:
        """Each appends after the other's commits."""
        head = GENESIS
        for writer in (log, rival) * 10:
            raw = commit(head)
            assert writer.append(head, [raw]) == 1
            head = head_of(head, raw)
        assert log.head() == rival.head() == head

    def test_a_command_is_found_by_its_id(self, log: Log, rival: Log) -> None:
        """So a retry returns what was done, though another writer did it."""
        batch = chain(GENESIS, 3)
        rival.append(GENESIS, batch)
        for reader in (log, rival):
            record = reader.find(heads_id(batch[1]))
            assert record is not None
            assert record.raw == batch[1]
            assert record.head == heads(batch)[2]
        assert log.find("another") is None

    def test_a_command_is_not_written_twice(self, log: Log, rival: Log) -> None:
        """Neither later nor in one batch."""
        raw = commit(GENESIS, id="once")
        log.append(GENESIS, [raw])
        head = head_of(GENESIS, raw)
        for writer in (log, rival):
            for batch in ([commit(head, id="once")], chain(head, 2, id="twice")):
                with pytest.raises(Conflict) as caught:
                    writer.append(head, batch)
                assert not isinstance(caught.value, HeadMoved)
        assert rival.head() == head

    def test_four_processes_write_without_a_leader(self, log: Log) -> None:
        """Every acknowledged commit is in the log once, at the position that was reported."""
        racers = [start_racer(log.url, name, 40) for name in "abcd"]
        promised: dict[str, int] = {}
        for racer in racers:
            promised |= acknowledged(racer)
        assert len(promised) == 160
        assert found(log) == promised

    # Following

    def test_a_follower_sees_what_is_there_and_what_comes(self, log: Log, rival: Log) -> None:
        """With a mark wherever it has seen all."""
        batch = chain(GENESIS, 4)
        log.append(GENESIS, batch[:2])
        follower = log.follow(GENESIS, stopped=never, idle=0.1)
        assert [position(next(follower)) for _ in range(4)] == [1, 2, "at 2", "at 2"]
        rival.append(heads(batch)[2], batch[2:])
        assert [step for step in (position(next(follower)) for _ in range(6)) if step != "at 2"][:3] == [3, 4, "at 4"]

    def test_a_follower_resumes_at_a_head(self, log: Log) -> None:
        """And says at once that nothing is new, if nothing is."""
        batch = chain(GENESIS, 3)
        log.append(GENESIS, batch)
        assert position(next(log.follow(heads(batch)[2], stopped=never))) == 3
        assert next(log.follow(heads(batch)[3], stopped=never)) == Progress(heads(batch)[3])

    def test_a_follower_sees_what_its_own_log_appends(self, log: Log) -> None:
        """One thread may follow and write."""
        follower = log.follow(GENESIS, stopped=never, idle=0.1)
        assert position(next(follower)) == "at 0"
        log.append(GENESIS, [commit(GENESIS)])
        assert 1 in [position(next(follower)) for _ in range(2)]

    def test_follower_stops_on_request(self, log: Log) -> None:
        """Also in the middle of many commits, and before it waits."""
        log.append(GENESIS, chain(GENESIS, 3))
        seen: list[Record | Progress] = []
        seen.extend(log.follow(GENESIS, stopped=lambda: len(seen) >= 2))
        assert [position(step) for step in seen] == [1, 2]
        assert list(log.follow(GENESIS, stopped=lambda: True)) == []

    def test_a_follower_is_woken_by_another_process(self, log: Log) -> None:
        """Long before it would look by itself."""
        count = 40
        racer = start_racer(log.url, "ping", count)
        steps = log.follow(GENESIS, stopped=never, idle=10.0)
        records = (step for step in steps if isinstance(step, Record))
        delays = sorted(time.time() - float(next(records).commit.reason or 0) for _ in range(count))
        acknowledged(racer)
        assert delays[count // 2] < self.wakes_within

    # A log that is not what it was

    @pytest.mark.parametrize("position", [1, 2, 5, 8])
    def test_an_altered_commit_is_named(self, log: Log, position: int) -> None:
        """The commit after it holds its hash."""
        batch = chain(GENESIS, 10)
        rows = list(enumerate(batch, start=1))
        rows[position - 1] = (position, batch[position - 1].replace(b"north", b"south"))
        self.refused(log, rows, position)

    @pytest.mark.parametrize("position", [1, 2, 5, 8])
    def test_a_commit_with_another_predecessor_is_named(self, log: Log, position: int) -> None:
        """The commit before it is not to blame."""
        batch = chain(GENESIS, 10)
        rows = list(enumerate(batch, start=1))
        prev = heads(batch)[position - 1].hash.encode()
        rows[position - 1] = (position, batch[position - 1].replace(prev, b"f" * 64))
        self.refused(log, rows, position)

    @pytest.mark.parametrize("garbage", [b"", b"\xff", b"{}", b"[" * 100_000])
    def test_garbage_in_place_of_a_commit_is_named(self, log: Log, garbage: bytes) -> None:
        """Whatever it is."""
        rows = list(enumerate(chain(GENESIS, 10), start=1))
        rows[4] = (5, garbage)
        self.refused(log, rows, 5)

    @pytest.mark.parametrize("position", [1, 5, 8])
    def test_a_missing_commit_is_named(self, log: Log, position: int) -> None:
        """Those after it show that it was there."""
        rows = list(enumerate(chain(GENESIS, 10), start=1))
        del rows[position - 1]
        self.refused(log, rows, position)

    def test_swapped_commits_are_named(self, log: Log) -> None:
        """The first of them."""
        batch = chain(GENESIS, 10)
        batch[4], batch[5] = batch[5], batch[4]
        self.refused(log, list(enumerate(batch, start=1)), 5)

    def refused(self, log: Log, rows: Rows, position: int) -> None:
        """Check that readers refuse a log at a position, and go on refusing it."""
        self.rewrite(log.url, rows)
        with closing(open_log(log.url)) as reader:
            for _ in range(2):
                with pytest.raises(Tampered) as caught:
                    list(reader.read())
                assert caught.value.details["position"] == position
                assert str(position) in caught.value.message
            with pytest.raises(Tampered):
                list(reader.follow(GENESIS, stopped=never))

    @pytest.mark.parametrize("look", [read, follow])
    def test_a_log_that_ends_too_early_is_refused(self, log: Log, look: Look) -> None:
        """By a reader that has seen more, with both positions."""
        batch = chain(GENESIS, 10)
        self.rewrite(log.url, list(enumerate(batch[:6], start=1)))
        with closing(open_log(log.url)) as reader, pytest.raises(LostCommits) as caught:
            next(look(reader, heads(batch)[9]))
        assert caught.value.details == {"log": 6, "reader": 9}
        assert "6" in caught.value.message
        assert "9" in caught.value.message

    @pytest.mark.parametrize("position", [7, 10])
    @pytest.mark.parametrize("look", [read, follow])
    def test_another_log_is_refused(self, log: Log, look: Look, position: int) -> None:
        """By a reader that has seen another commit at that position, even the last one."""
        self.rewrite(log.url, list(enumerate(chain(GENESIS, 10), start=1)))
        seen = heads(chain(GENESIS, 10))[position]
        with closing(open_log(log.url)) as reader, pytest.raises(Diverged) as caught:
            next(look(reader, seen))
        assert caught.value.details["position"] == position
        assert caught.value.details["reader"] == seen.hash

    def test_a_log_that_loses_commits_while_it_is_open_is_refused(self, log: Log) -> None:
        """By its readers and by its writers."""
        batch = chain(GENESIS, 10)
        log.append(GENESIS, batch)
        head = log.head()
        self.rewrite(log.url, list(enumerate(batch[:6], start=1)))
        with pytest.raises(LostCommits):
            list(log.read(head))
        with pytest.raises(LostCommits):
            log.append(head, [commit(head)])

    def test_a_bookmark_brings_back_its_commit_alone(self, log: Log, url: str) -> None:
        """No other commit is needed, and no other is taken for it."""
        batch = chain(GENESIS, 7)
        log.append(GENESIS, batch)
        marks = bookmarks(log, batch)
        with closing(open_log(url, create=False)) as other:
            for position in (5, 6, 1, 7):
                record = other.read_at(marks[position])
                assert record is not None
                assert (record.raw, record.commit.position) == (batch[position - 1], position)
            assert other.read_at(Bookmark(3, "0" * 64, marks[3].offset_hint)) is None
            assert other.read_at(Bookmark(9, marks[3].hash, 10**9)) is None

    def test_reading_resumes_at_a_bookmark(self, log: Log, url: str) -> None:
        """What follows is read and written as ever."""
        batch = chain(GENESIS, 9)
        known = heads(batch)
        log.append(GENESIS, batch)
        marks = bookmarks(log, batch)
        with closing(open_log(url, create=False)) as other:
            assert other.seek(marks[6])
            assert [record.raw for record in other.read(known[6])] == batch[6:]
            assert other.head() == known[9]
            assert (other.offset_hint(6), other.offset_hint(8)) == (marks[6].offset_hint, marks[8].offset_hint)
            assert other.append(known[9], [commit(known[9])]) == 1
            assert other.seek(marks[7])

    def test_commits_before_a_bookmark_can_be_read(self, log: Log, url: str) -> None:
        """It only takes longer."""
        batch = chain(GENESIS, 9)
        log.append(GENESIS, batch)
        marks = bookmarks(log, batch)
        known = heads(batch)
        asks: list[Callable[[Log], object]] = [
            lambda log: [record.raw for record in log.read()],
            lambda log: [record.raw for record in log.read(known[2])],
            lambda log: [log.head_at(position) for position in range(10)],
            lambda log: log.find(next(log.read(known[1])).commit.id),
        ]
        for ask in asks:
            with closing(open_log(url, create=False)) as other:
                assert other.seek(marks[6])
                assert ask(other) == ask(log)

    def test_a_bookmark_that_is_wrong_is_refused(self, log: Log, url: str) -> None:
        """And then nothing has happened."""
        batch = chain(GENESIS, 5)
        log.append(GENESIS, batch)
        marks = bookmarks(log, batch)
        with closing(open_log(url, create=False)) as other:
            for bad in (Bookmark(3, "0" * 64, marks[3].offset_hint), Bookmark(9, marks[5].hash, 10**9)):
                assert not other.seek(bad)
            assert [record.raw for record in other.read()] == batch


def heads_id(raw: bytes) -> str:
    """Return the command id in a commit's bytes."""
    return str(raw.split(b'"id":"')[1].split(b'"')[0], "ascii")


def position(step: Record | Progress) -> int | str:
    """Return what a step of a follower says, in short."""
    return step.commit.position if isinstance(step, Record) else f"at {step.head.position}"


def bookmarks(log: Log, batch: list[bytes]) -> list[Bookmark]:
    """Return where a log has its commits, by position."""
    list(log.read())
    return [Bookmark(head.position, head.hash, log.offset_hint(head.position)) for head in heads(batch)]
