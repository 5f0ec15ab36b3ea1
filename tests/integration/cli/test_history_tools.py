"""The tools on history, on a SQLite log: revert, tags, blame."""

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
