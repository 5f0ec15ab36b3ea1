"""What midoctl answers by the index is what it answers without, on every backend, whatever happened to the index."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from remembering import Midoctl, grow

Make = Callable[[str], Midoctl]


def questions(store: Any, rng: Random) -> list[list[str]]:
    """Return command lines about the past of a log."""
    objects = list(store.topology)
    some = [entity.id for entity in rng.sample(objects, min(4, len(objects)))]
    named = [entity.name for entity in objects if entity.name][:4]
    end = store.topology.head.position
    moments = [str(rng.randrange(1, end)) for _ in range(2)] + [store.topology.head.time]
    words = [[verb, ref] for verb in ("history", "blame") for ref in [*some, *named, "nothing", some[0][:9]]]
    words += [[*line, "--at", moment] for line in words[:3] for moment in moments]
    words += [["log", "-n", "7"], ["log", "-n", "3", "--actor", "bob"], ["log", "--kind", "port", "--since", "20"]]
    words += [["log", "--object", some[0]], ["log", "--until", moments[0], "-n", "5", "--actor", "alice@here"]]
    words += [["log", "--since", moments[2]], ["log", "--until", moments[2], "-n", "2", "--at", moments[1]]]
    words += [["head"], *([["head", "--at", moment] for moment in moments])]
    words += [["diff", moments[0], moments[1]], ["diff", moments[2], "1"], ["head", "--at", "99999"]]
    words += [[entity.KIND, "show", ref] for entity in objects[:6] for ref in (entity.id, entity.id[:8])]
    words += [[e.KIND, "show", e.name, "--at", moments[0]] for e in objects[:6] if e.name]
    return words


def seeded() -> Random:
    return Random(3)  # noqa: S311 - a seed, not a secret


def same_answers(midoctl: Midoctl, lines: list[list[str]], forms: tuple[str, ...] = ("json", "table", "name")) -> None:
    for line in lines:
        for form in forms:
            found = midoctl(*line, form=form)
            midoctl.environ["MIDOCTL_NO_CACHE"] = "1"
            assert found == midoctl(*line, form=form), line
            del midoctl.environ["MIDOCTL_NO_CACHE"]


def test_every_question_has_the_same_answer_with_and_without(url: str, midoctl: Make) -> None:
    run, rng, slow = midoctl(url), seeded(), url.startswith("kafka")
    for commits, some in ((120, 1), (9, 3), (30, 3)):  # nine are less than is worth indexing
        store = grow(url, commits, seed=commits)
        if slow:  # it takes a second to connect
            same_answers(run, questions(store, rng)[:: 12 * some], ("table",))
        else:
            same_answers(run, questions(store, rng)[::some])
        assert run.index.exists()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """A log in a file."""
    return f"sqlite:///{tmp_path}/log.db"


def indexed(run: Midoctl) -> int:
    """Return up to where the index goes."""
    with closing(sqlite3.connect(run.index)) as database:
        (position,) = database.execute("SELECT position FROM history_checkpoint").fetchone()
        return int(position)


def remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def test_another_log_at_the_same_address_gets_an_index_of_its_own(sqlite: str, midoctl: Make, tmp_path: Path) -> None:
    run = midoctl(sqlite)
    grow(sqlite, 60)
    run("log", "-n", "1")
    remove(tmp_path / "log.db")
    store = grow(sqlite, 90, seed=5)
    same_answers(run, questions(store, seeded()))
    assert indexed(run) == 90


def test_a_log_that_lost_commits_gets_a_new_index(sqlite: str, midoctl: Make, tmp_path: Path) -> None:
    run = midoctl(sqlite)
    store = grow(sqlite, 80)
    run("log", "-n", "1")
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute("DELETE FROM commits WHERE position > 50")
    for _ in range(2):
        assert run("head", form="name") == (0, "50\n", "")
        same_answers(run, questions(store, seeded())[:20])
    assert indexed(run) == 50


def test_a_log_that_was_tampered_with_is_found_out_by_the_index(sqlite: str, midoctl: Make, tmp_path: Path) -> None:
    run = midoctl(sqlite)
    grow(sqlite, 80)
    touched = run.ok("log", "--since", "40", "--until", "40")["events"][0]["key"]
    assert run.ok("history", touched)
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute(
            "UPDATE commits SET body = CAST(replace(CAST(body AS TEXT), '\"channel\"', '\"Channel\"') AS BLOB)"
            " WHERE position = 40"
        )
    status, _, error = run("history", touched)
    assert (status, '"position": 40' in error) == (7, True), error


@pytest.mark.parametrize("corruption", ["garbage", "empty", "half", "rows", "schema"])
def test_a_corrupt_index_is_rebuilt_and_answers_stay_right(sqlite: str, midoctl: Make, corruption: str) -> None:
    run = midoctl(sqlite)
    store = grow(sqlite, 80)
    run("log", "-n", "1")
    good = run.index.read_bytes()
    if corruption in ("rows", "schema"):
        with closing(sqlite3.connect(run.index)) as database, database:
            if corruption == "rows":
                database.execute("UPDATE history_commits SET hash = zeroblob(32) WHERE position % 3 = 0")
            else:
                database.execute("UPDATE history_checkpoint SET schema = 'another'")
    else:
        remove(run.index)
        run.index.write_bytes({"garbage": b"x" * 9000, "empty": b"", "half": good[: len(good) // 2]}[corruption])
    same_answers(run, questions(store, seeded()))
    assert indexed(run) == 80


def test_a_cache_that_cannot_be_used_is_no_trouble(sqlite: str, midoctl: Make, tmp_path: Path) -> None:
    run = midoctl(sqlite)
    store = grow(sqlite, 60)
    (tmp_path / ".cache").write_text("in the way")
    same_answers(run, questions(store, seeded())[::4])


def test_the_index_that_another_process_has_locked_is_done_without(
    sqlite: str, midoctl: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = midoctl(sqlite)
    grow(sqlite, 60)
    run("log", "-n", "1")
    store = grow(sqlite, 60, seed=8)
    monkeypatch.setattr("midonet.projections.history_index.sqlite._BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(run.index, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        same_answers(run, questions(store, seeded())[:5])
    assert indexed(run) == 60
