"""The store on a real SQLite log: idempotence, races, demanded heads, batches."""

from collections.abc import Callable
from itertools import starmap
from pathlib import Path
from typing import Any

import msgspec
import pytest
from unlucky import UnluckyLog

from midonet.events.commands.command import Command, Create, Delete, Put, Update
from midonet.events.commands.decide import decide
from midonet.events.errors import (
    CommandIdReused,
    Conflict,
    HeadMoved,
    InUse,
    InvalidValue,
    MidonetError,
    NotFound,
    OutcomeUnknown,
    TooLarge,
    Unavailable,
)
from midonet.events.log import open_log, pending_command
from midonet.events.log.pending_command import Context, PendingCommand, Result, new_command_id
from midonet.events.log.store import Store

ME = Context(actor="me@here", reason="because")


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[[], Store]:
    return lambda: Store(open_log(f"sqlite:///{tmp_path}/log.db"))


def bridge(name: str) -> Command:
    return Command("bridge.create", [Create("bridge", {"name": name})])


def replayed(open_store: Callable[[], Store]) -> Store:
    store = open_store()
    store.refresh()
    return store


def test_result_is_complete(open_store: Callable[[], Store]) -> None:
    store = open_store()
    result = store.execute(bridge("web"), ME)
    assert (result.position, [event.type for event in result.events]) == (1, ["bridge.created"])
    assert result.object is not None
    assert result.object["position"] == 1
    commit = next(iter(store.log.read())).commit
    assert (commit.actor, commit.reason, commit.id, commit.command.name) == (
        "me@here",
        "because",
        result.id,
        "bridge.create",
    )


def test_replay_is_live(open_store: Callable[[], Store]) -> None:
    store = open_store()
    for name in ("a", "b", "c"):
        store.execute(bridge(name), ME)
    store.execute(Command("bridge.delete", [Delete("bridge", "b")]), ME)
    other = replayed(open_store)
    assert other.topology == store.topology
    assert other.topology.last_allocated == store.topology.last_allocated


def test_the_same_id_does_it_once_and_answers_the_same(open_store: Callable[[], Store]) -> None:
    careful = Context(actor="me", command_id="do-it-once")
    first = open_store().execute(bridge("web"), careful)
    again = open_store().execute(bridge("web"), careful)
    assert (again.position, again.id, again.object) == (first.position, first.id, first.object)
    assert replayed(open_store).topology.head.position == 1
    with pytest.raises(CommandIdReused, match="position 1"):
        open_store().execute(bridge("db"), careful)


def test_a_deletion_that_is_sent_again_answers_the_same(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.execute(Command("bridge.create", [Create("bridge", {"name": "a"})]), ME)
    command, who = Command("bridge.delete", [Delete("bridge", "a")]), Context(actor="me@here", command_id="once")
    first = store.execute(command, who)
    assert first.object is not None
    assert first.object["position"] == first.position == 2
    again = open_store().execute(command, who)
    assert msgspec.json.encode(again, order="sorted") == msgspec.json.encode(first, order="sorted")


def test_a_store_that_is_behind_decides_again(open_store: Callable[[], Store]) -> None:
    first, second = open_store(), open_store()
    first.refresh()
    second.refresh()
    first.execute(bridge("a"), ME)
    assert second.execute(bridge("b"), ME).position == 2
    third = first.execute(Command("bridge.set", [Update("bridge", "b", {"tenant": "acme"})]), ME)
    assert third.position == 3
    with pytest.raises(NotFound):
        second.execute(Command("bridge.set", [Update("bridge", "c", {})]), ME)


def test_a_demanded_head_is_kept_to(open_store: Callable[[], Store]) -> None:
    store, other = open_store(), open_store()
    assert store.execute(bridge("a"), Context(actor="me", if_head=0)).position == 1
    with pytest.raises(HeadMoved) as moved:
        other.execute(bridge("b"), Context(actor="me", if_head=0))
    assert (moved.value.details["expected"], moved.value.details["actual"]) == (0, 1)


def test_a_dry_run_and_a_wish_that_holds_already_write_nothing(open_store: Callable[[], Store]) -> None:
    store = open_store()
    planned = store.execute(bridge("a"), ME, dry_run=True)
    assert (planned.position, len(planned.events)) == (0, 1)
    store.execute(bridge("a"), ME)
    same = store.execute(Command("apply", [Put([{"kind": "bridge", "name": "a"}])]), ME)
    assert (same.position, same.events) == (1, [])
    assert replayed(open_store).topology.head.position == 1


def test_many_commands_are_one_commit_each_and_rejections_stand_alone(open_store: Callable[[], Store]) -> None:
    store, rival = open_store(), open_store()
    store.execute(bridge("b0"), ME)
    store.execute(Command("x", [Create("port", {"bridge": "b0"})]), ME)
    rival.execute(bridge("rival"), ME)
    commands: list[Any] = [(bridge(f"b{n}"), ME) for n in range(1, 1200)]
    commands.insert(600, (Command("x", [Delete("bridge", "nowhere")]), ME))
    commands.insert(700, (bridge("careful"), Context(actor="me", command_id="careful")))
    outcomes = list(store.run(starmap(PendingCommand, commands)))
    assert len(outcomes) == 1201
    assert isinstance(outcomes[600], NotFound)
    positions = [outcome.position for outcome in outcomes if isinstance(outcome, Result)]
    assert positions == list(range(4, 1204))
    assert replayed(open_store).topology == store.topology


def test_refusal_names_the_conflicting_object(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.execute(Command("x", [Create("chain", {"name": "c"}), Create("bridge", {"inbound_filter": "c"})]), ME)
    with pytest.raises(InUse):
        store.execute(Command("x", [Delete("chain", "c")]), ME)
    assert replayed(open_store).topology.head.position == 1


def test_too_large_a_commit_is_refused_before_it_is_written(open_store: Callable[[], Store]) -> None:
    documents = [{"kind": "bridge", "name": f"{n}-{'x' * 200}", "tenant": "y" * 255} for n in range(26_000)]
    with pytest.raises(TooLarge, match="split"):
        open_store().execute(Command("apply", [Put(documents)]), ME)
    assert replayed(open_store).topology.head.position == 0


def test_command_ids_are_ordered_by_time() -> None:
    ids = [new_command_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(part[14] == "7" for part in ids)
    assert [part[:13] for part in ids] == sorted(part[:13] for part in ids)


@pytest.mark.parametrize("fates", [["arrived"], ["late"], ["lost"], ["late", "arrived"], ["lost", "late", "lost"]])
def test_a_lost_answer_never_does_anything_twice(open_store: Callable[[], Store], fates: list[str]) -> None:
    for run in ("one", "many"):
        store = open_store()
        store.log = UnluckyLog(store.log, fates)
        commands = [(bridge(f"{run}-{n}"), ME) for n in range(5)]
        if run == "one":
            results: list[Any] = [store.execute(command, context) for command, context in commands]
        else:
            results = list(store.run(starmap(PendingCommand, commands)))
        assert [result.object["name"] for result in results] == [f"{run}-{n}" for n in range(5)]
        replay = replayed(open_store)
        assert replay.topology == store.topology
        assert sum(b.name.startswith(run) for b in replay.topology.all("bridge").values()) == 5


def test_log_failure_fails_the_whole_batch(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.execute(bridge("before"), ME)
    store.log = UnluckyLog(store.log, [Unavailable("the disk is full")])
    outcomes = list(store.run(starmap(PendingCommand, [(bridge(f"b{n}"), ME) for n in range(5)])))
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
    assert store.topology == replayed(open_store).topology
    assert len({id(outcome) for outcome in outcomes}) == 5
    assert store.execute(bridge("after"), ME).position == 2


def test_unknown_outcome_names_each_command_id(open_store: Callable[[], Store]) -> None:
    store = open_store()
    log: Any = UnluckyLog(store.log, ["arrived"])
    log.find = away
    store.log = log
    contexts = [ME, Context(actor="me", command_id="mine"), ME]
    outcomes = list(
        store.run(starmap(PendingCommand, [(bridge(f"b{n}"), context) for n, context in enumerate(contexts)]))
    )
    ids = [outcome.details["command_id"] for outcome in outcomes if isinstance(outcome, OutcomeUnknown)]
    assert len(set(ids)) == 3
    assert ids[1] == "mine"
    assert [record.commit.id for record in open_store().log.read()] == ids


def away(command_id: str) -> None:
    raise Unavailable(f"no server to ask for {command_id}")


def test_a_command_that_the_log_refuses_is_found_out(open_store: Callable[[], Store]) -> None:
    store = open_store()
    refusal = InvalidValue("no NUL, please")
    store.log = UnluckyLog(store.log, [refusal, "fine", refusal, "fine"])
    outcomes = list(store.run(starmap(PendingCommand, [(bridge(f"b{n}"), ME) for n in range(3)])))
    assert [type(outcome) for outcome in outcomes] == [Result, InvalidValue, Result]
    assert store.topology == replayed(open_store).topology


def test_demanded_heads_hold_among_many(open_store: Callable[[], Store]) -> None:
    store = open_store()
    demands = [0, 1, 1, None, 3]
    commands = [(bridge(f"b{n}"), Context(actor="me", if_head=head)) for n, head in enumerate(demands)]
    outcomes = list(store.run(starmap(PendingCommand, commands)))
    assert [type(outcome) for outcome in outcomes] == [Result, Result, HeadMoved, Result, Result]


def test_too_large_a_commit_stops_no_other(open_store: Callable[[], Store]) -> None:
    documents = [{"kind": "bridge", "name": f"{n}-{'x' * 200}", "tenant": "y" * 255} for n in range(26_000)]
    commands = [(bridge("a"), ME), (Command("apply", [Put(documents)]), ME), (bridge("b"), ME)]
    outcomes = list(open_store().run(starmap(PendingCommand, commands)))
    assert [type(outcome) for outcome in outcomes] == [Result, TooLarge, Result]


def test_permanent_conflicts_end_with_an_error(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.log = UnluckyLog(store.log, [HeadMoved("another writer was faster")] * 1_000)
    outcomes: list[Result | MidonetError] = list(
        store.run(starmap(PendingCommand, [(bridge(f"b{n}"), ME) for n in range(3)]))
    )
    assert [type(outcome) for outcome in outcomes] == [Conflict] * 3
    assert store.topology == replayed(open_store).topology


def test_a_refused_command_is_decided_once_at_one_head(
    open_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    decided: list[Command] = []

    def counted(topology: Any, command: Command, *more: Any) -> Any:
        decided.append(command)
        return decide(topology, command, *more)

    monkeypatch.setattr(pending_command, "decide", counted)
    store, refused = open_store(), Command("bridge.delete", [Delete("bridge", "missing")])
    assert isinstance(next(iter(store.run([PendingCommand(refused, ME)]))), NotFound)
    with pytest.raises(NotFound):
        store.execute(refused, ME)
    assert decided == [refused, refused]


def test_a_refusal_counts_at_its_head_only(open_store: Callable[[], Store]) -> None:
    store, other = open_store(), open_store()
    pending = PendingCommand(Command("bridge.delete", [Delete("bridge", "a")]), ME)
    store.refresh()
    with pytest.raises(NotFound):
        pending.decide(store.topology)
    other.execute(bridge("a"), ME)
    assert [outcome.position for outcome in store.run([pending]) if isinstance(outcome, Result)] == [2]


def test_an_attempt_that_others_overtake_is_given_up(tmp_path: Path, open_store: Callable[[], Store]) -> None:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    store, others = Store(log), open_store()
    append = log.append

    def overtaken(*given: Any) -> int:
        others.execute(bridge("other"), ME)
        return append(*given)

    log.append = overtaken  # type: ignore[method-assign,assignment]  # one instance only
    careful = Context(actor="me", command_id="careful")
    assert store.try_execute(bridge("a"), careful, 3) is None
    assert open_store().execute(bridge("a"), careful).position == 4
