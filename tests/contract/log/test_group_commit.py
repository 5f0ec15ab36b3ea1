"""Many callers on one log: each gets the result of a single command, on every backend, with other writers."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from commander import bridge
from log_contract import acknowledged, found

from midonet.events.commands.command import Command, Create, Delete, Update
from midonet.events.errors import CommandIdReused, HeadMoved, InUse, MidonetError, NotFound
from midonet.events.log import open_log
from midonet.events.log.group_commit import GroupCommitWriter
from midonet.events.log.pending_command import Context, Result
from midonet.events.log.store import Store

ME = Context(actor="me@here", channel="test")
COMMANDERS = 40

Outcome = Result | MidonetError


def start_commander(url: str, name: str, threads: int, count: int) -> "subprocess.Popen[str]":
    """Start a process whose threads create bridges."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("commander.py"), url, name, str(threads), str(count)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def together(*calls: Callable[[], Result]) -> list[Outcome]:
    """Call all at the same time, each in a thread of its own; return what became of each."""

    def outcome(call: Callable[[], Result]) -> Outcome:
        try:
            return call()
        except MidonetError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def replayed(url: str) -> Store:
    """Return a store that has read the whole log."""
    with closing(open_log(url)) as log:
        return Store.open(log)


class CombiningContract:
    """The cases; a subclass provides the log."""

    @pytest.fixture
    def url(self) -> str:
        """Address of a log that does not exist yet and that only this test uses."""
        raise NotImplementedError

    @pytest.fixture
    def writer(self, url: str) -> Iterator[GroupCommitWriter]:
        """A writer on an empty log."""
        with GroupCommitWriter(lambda: Store.open(open_log(url))) as writer:
            yield writer

    def test_each_caller_gets_its_own_result(self, writer: GroupCommitWriter, url: str) -> None:
        """Each is one commit, in whatever order."""

        def commands(commander: int) -> list[Result]:
            return [writer.execute(bridge(f"{commander}-{number}"), ME) for number in range(5)]

        with ThreadPoolExecutor(COMMANDERS) as pool:
            results = list(pool.map(commands, range(COMMANDERS)))
        names = [[result.object["name"] for result in mine if result.object] for mine in results]
        assert names == [[f"{commander}-{number}" for number in range(5)] for commander in range(COMMANDERS)]
        with closing(open_log(url)) as log:
            assert found(log) == {result.id: result.position for mine in results for result in mine}

    def test_each_is_refused_for_itself(self, writer: GroupCommitWriter, url: str) -> None:
        """As `Store.execute` would, and the others go on."""
        writer.execute(Command("x", [Create("chain", {"name": "c"}), Create("bridge", {"inbound_filter": "c"})]), ME)
        absent = Command("x", [Delete("bridge", "nowhere")])
        used = Command("x", [Delete("chain", "c")])
        nothing = Command("x", [Update("chain", "c", {"name": "c"})])
        calls: list[Any] = [(bridge("a"), ME), (absent, ME), (used, ME), (nothing, ME), (bridge("b"), ME)] * 8
        outcomes = together(*[lambda call=call: writer.execute(*call) for call in calls])
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds == [Result, NotFound, InUse, Result, Result] * 8
        assert [len(result.events) for result in outcomes[3::5] if isinstance(result, Result)] == [0] * 8
        assert replayed(url).topology.head.position == 1 + 16
        with closing(open_log(url)) as log, pytest.raises(InUse) as alone:
            Store.open(log).execute(used, ME)
        assert isinstance(outcomes[2], InUse)
        assert (outcomes[2].message, outcomes[2].details) == (alone.value.message, alone.value.details)

    def test_shared_command_id_is_executed_once(self, writer: GroupCommitWriter, url: str) -> None:
        """The same answer for each, and a refusal for another command; also one that could be done twice."""
        writer.execute(Command("x", [Create("bridge", {"name": "web", "id": "0" * 32})]), ME)
        mine, other = Context(actor="me", command_id="once"), bridge("other")
        toggle = Command("x", [Update("bridge", "web", {"admin_state_up": False})])
        results = together(*[lambda: writer.execute(toggle, mine)] * 20)
        assert {(result.position, result.id) for result in results if isinstance(result, Result)} == {(2, "once")}
        writer.execute(Command("x", [Update("bridge", "web", {"admin_state_up": True})]), ME)
        mixed: list[Callable[[], Result]] = [lambda: writer.execute(toggle, mine), lambda: writer.execute(other, mine)]
        outcomes = together(*mixed * 5, lambda: writer.execute(bridge("free"), Context(actor="me", command_id="new")))
        assert {outcome.position for outcome in outcomes[:10:2] if isinstance(outcome, Result)} == {2}
        assert {type(outcome) for outcome in outcomes[1:10:2]} == {CommandIdReused}
        assert isinstance(outcomes[10], Result)
        assert replayed(url).topology.head.position == 4

    def test_a_demanded_head_is_had_by_one(self, writer: GroupCommitWriter, url: str) -> None:
        """Also where another process has moved it."""
        writer.execute(bridge("first"), ME)
        demand = Context(actor="me", if_head=1)
        outcomes = together(*[lambda n=n: writer.execute(bridge(f"b{n}"), demand) for n in range(20)])
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["HeadMoved"] * 19 + ["Result"]
        moved = next(outcome for outcome in outcomes if isinstance(outcome, HeadMoved))
        assert (moved.details["expected"], moved.details["actual"]) == (1, 2)
        with closing(open_log(url)) as log:
            Store.open(log).execute(bridge("rival"), ME)
        with pytest.raises(HeadMoved):
            writer.execute(bridge("late"), Context(actor="me", if_head=2))
        assert writer.execute(bridge("in time"), Context(actor="me", if_head=3)).position == 4

    def test_a_dry_run_writes_nothing(self, writer: GroupCommitWriter, url: str) -> None:
        """Among others that do."""
        requests = [(f"b{n}", n % 2 == 0) for n in range(20)]
        calls = [lambda name=name, dry=dry: writer.execute(bridge(name), ME, dry_run=dry) for name, dry in requests]
        outcomes = together(*calls)
        assert [len(result.events) for result in outcomes if isinstance(result, Result)] == [1] * 20
        names = {each.name for each in replayed(url).topology.all("bridge").values()}
        assert names == {f"b{n}" for n in range(1, 20, 2)}

    def test_one_of_two_competing_writers_is_killed(self, url: str) -> None:
        """Whatever was acknowledged is on the log once, at the position that was reported; the rest can be repeated."""
        with closing(open_log(url)) as log:
            killed = start_commander(url, "killed", 10, 200)
            survivor = start_commander(url, "survivor", 10, 20)
            assert killed.stdout is not None
            seen = [killed.stdout.readline() for _ in range(50)]
            killed.kill()
            promised = acknowledged(killed) | {line.split()[0]: int(line.split()[1]) for line in seen}
            kept = acknowledged(survivor)
            assert len(kept) == 200
            there = found(log)
            assert promised.items() | kept.items() <= there.items()
            with GroupCommitWriter(lambda: Store.open(open_log(url))) as writer:
                again = {name: writer.execute(bridge(name), Context(actor=name, command_id=name)) for name in promised}
            assert {name: result.position for name, result in again.items()} == promised


class TestOnSqlite(CombiningContract):
    """In a file."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """A file of its own."""
        return f"sqlite:///{tmp_path}/log.db"


class TestOnPostgres(CombiningContract):
    """In a database."""

    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        """A database of its own."""
        return postgres_url


class TestOnKafka(CombiningContract):
    """In a topic."""

    @pytest.fixture
    def url(self, kafka: Any, kafka_topic: str) -> str:
        """A topic of its own."""
        return f"kafka://{kafka.bootstrap}/{kafka_topic}"
