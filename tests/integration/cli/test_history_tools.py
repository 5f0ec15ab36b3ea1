"""The tools on history, on a SQLite log: revert, tags, blame."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""


@pytest.fixture
def bound(network: Midoctl) -> Midoctl:
    """The small network, with p1 bound at position 2."""
    network.ok("port", "bind", "web/p1", "--host", "hv1", "--interface", "tap1", "-m", "ticket 7")
    return network


def test_a_commit_is_reverted_by_a_commit(bound: Midoctl) -> None:
    assert bound.ok("revert", "2", "--dry-run")["position"] == 2
    done = bound.ok("revert", "2")
    assert (done["position"], done["object"]) == (3, None)
    assert [event["type"] for event in done["events"]] == ["port.unbound"]
    assert bound.ok("port", "show", "web/p1")["host"] is None
    last = bound.ok("log", "-n", "1")
    assert (last["reason"], last["command"]["name"]) == ("revert of position 2", "revert")
    assert last["causation"] == bound.ok("log", "--since", "2", "--until", "2")["id"]
    assert bound.ok("verify")["count"] == 3


def test_a_whole_apply_is_reverted(network: Midoctl) -> None:
    network.ok("revert", "1", "-m", "not yet")
    assert network.ok()["objects"] == {}
    network.ok("revert", "2")
    assert network.ok("diff", "1", "3")["events"] == []


def test_a_revert_is_refused_as_a_whole(bound: Midoctl) -> None:
    bound.ok("port", "unbind", "web/p1")
    bound.ok("port", "bind", "web/p1", "--host", "hv2", "--interface", "tap9")
    error = bound.refused(3, "revert", "2")
    assert [(found["field"], bool(found["message"])) for found in error["details"]["conflicts"]] == [
        ("host", True),
        ("interface", True),
    ]
    assert bound.ok("head")["position"] == 4


def test_a_revert_takes_the_options_of_a_write(bound: Midoctl) -> None:
    bound.refused(3, "revert", "2", "--if-head", "1")
    first = bound.ok("revert", "2", "--command-id", "undo")
    assert bound.ok("revert", "2", "--command-id", "undo")["position"] == first["position"] == 3
    bound.refused(4, "revert", "9")
    bound.refused(2, "revert", "0")


def test_a_tag_names_a_moment_everywhere(bound: Midoctl) -> None:
    done = bound.ok("tag", "before-upgrade", "1", "-m", "ticket 9")
    assert [event["type"] for event in done["events"]] == ["tag.created"]
    bound.ok("tag", "v2.0")
    assert bound.ok("port", "show", "web/p1", "--at", "before-upgrade")["host"] is None
    assert bound.ok("diff", "before-upgrade", "v2.0")["events"] == bound.ok("diff", "1", "3")["events"]
    assert bound("log", "--since", "v2.0", "-o", "name").out == "3\n4\n"
    assert bound.ok("head", "--at", "v2.0")["position"] == 3
    assert bound.ok("verify", "--from", "v2.0")["count"] == 2
    assert [(tag["name"], tag["position"]) for tag in bound.ok("tag")] == [("before-upgrade", 1), ("v2.0", 3)]
    assert [tag["name"] for tag in bound.ok("tag", "list", "--at", "3")] == ["before-upgrade"]
    assert bound("log", "--kind", "tag", "-n", "1").out.endswith("tag v2.0 created: position 3\n")


def test_a_tag_holds_the_hash_of_its_commit(bound: Midoctl) -> None:
    bound.ok("tag", "first", "1")
    (tag,) = bound.ok("tag")
    assert {field: tag[field] for field in ("hash", "time")} == {
        field: bound.ok("head", "--at", "1")[field] for field in ("hash", "time")
    }


def test_tags_are_moved_and_deleted_by_commits(bound: Midoctl) -> None:
    bound.ok("tag", "stable", "1")
    bound.refused(3, "tag", "stable", "2")
    assert bound.ok("tag", "stable", "1")["events"] == []
    assert bound.ok("tag", "stable", "2", "--move")["events"][0]["type"] == "tag.moved"
    bound.ok("tag", "stable", "--delete")
    assert bound.ok("tag") == []
    bound.refused(4, "port", "list", "--at", "stable")
    bound.ok("revert", "5")
    bound.ok("revert", "4")
    assert [tag["position"] for tag in bound.ok("tag")] == [1]
    bound.refused(3, "revert", "4")


def test_tags_are_no_part_of_the_network(bound: Midoctl) -> None:
    bound.ok("tag", "stable")
    assert bound.ok("diff", "2")["events"] == []
    exported = bound("export").out
    assert "stable" not in exported
    assert bound.ok("apply", "--prune", "-f", "-", stdin=exported.encode())["events"] == []
    assert [tag["name"] for tag in bound.ok("tag")] == ["stable"]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["tag", "1st"], 3),
        (["tag", "a/b"], 3),
        (["tag", "new", "99"], 4),
        (["tag", "none", "--delete"], 4),
        (["tag", "list", "3"], 2),
        (["tag", "--delete"], 2),
        (["tag", "new", "2", "--delete"], 2),
        (["diff", "nosuch"], 4),
        (["log", "--since", "nosuch"], 4),
    ],
)
def test_an_invalid_tag_is_refused(bound: Midoctl, words: list[str], status: int) -> None:
    bound.refused(status, *words)
    assert bound.ok("head")["position"] == 2


def test_every_field_has_its_last_writer(bound: Midoctl) -> None:
    bound.ok("port", "set", "web/p1", "--no-admin-state-up", "--actor", "bob@ops")
    rows = {row["field"]: row for row in bound.ok("blame", "web/p1")}
    shown = bound.ok("port", "show", "web/p1")
    assert {field: row["value"] for field, row in rows.items()} == {
        field: value for field, value in shown.items() if field not in ("id", "kind", "position")
    }
    assert [(rows[f]["position"], rows[f]["reason"]) for f in ("name", "host", "admin_state_up")] == [
        (1, None),
        (2, "ticket 7"),
        (3, None),
    ]
    assert rows["admin_state_up"]["actor"] == "bob@ops"
    assert set(rows["host"]) == {"field", "value", "position", "time", "actor", "reason"}


def test_blame_takes_moments_and_deleted_objects(bound: Midoctl) -> None:
    bound.ok("bridge", "delete", "web")
    assert {row["position"] for row in bound.ok("blame", "web/p1", "--at", "1")} == {1}
    assert "tap1" in bound("blame", "web/p1").out
    bound.refused(4, "blame", "nosuch")


def rewritten(midoctl: Midoctl, old: str, new: str) -> None:
    """Replace text in the last commit, and its hash: the chain is valid and the content is not."""
    with closing(sqlite3.connect(f"{midoctl.environ['XDG_DATA_HOME']}/midoctl/topology.db")) as database, database:
        position, body = database.execute("SELECT position, body FROM commits ORDER BY position DESC").fetchone()
        assert old.encode() in body
        changed = body.replace(old.encode(), new.encode())
        database.execute("UPDATE commits SET body = ? WHERE position = ?", (changed, position))


@pytest.mark.log_only
def test_verify_finds_wrong_old_values(bound: Midoctl) -> None:
    bound.ok("bridge", "set", "web", "--tenant", "acme")
    rewritten(bound, '"tenant":[null,"acme"]', '"tenant":["x","acme"]')
    error = bound.refused(7, "verify")
    assert (error["details"]["position"], "other old values" in error["message"]) == (3, True)
    assert bound.ok("bridge", "show", "web")["tenant"] == "acme"


@pytest.mark.log_only
def test_verify_finds_a_tag_of_another_commit(bound: Midoctl) -> None:
    bound.ok("tag", "stable", "1")
    rewritten(bound, '"position":1,', '"position":2,')
    assert bound.refused(7, "verify")["details"]["position"] == 3
    assert bound.refused(7, "port", "list", "--at", "stable")["code"] == "verification-failed"


def test_verify_starts_at_a_moment(bound: Midoctl) -> None:
    assert [bound.ok("verify", "--from", start)["count"] for start in ("0", "1", "2")] == [2, 2, 1]
    bound.refused(4, "verify", "--from", "3")
