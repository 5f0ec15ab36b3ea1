"""Snapshots change the speed of midoctl, and no result."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from midonet.events.log import snapshots

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""


@pytest.fixture
def long(network: Midoctl, monkeypatch: pytest.MonkeyPatch) -> Midoctl:
    """A log of 13 commits, with a tag at the third and snapshots at every fifth."""
    monkeypatch.setattr(snapshots, "EVERY", 5)
    network.ok("host", "create", "hv3")
    network.ok("host", "delete", "hv3")
    network.ok("tag", "third")
    for number in range(9):
        network.ok("port", "set", "web/p1", "--vlan", str(number + 1))
    return network


def files(midoctl: Midoctl) -> list[Path]:
    return sorted(Path(midoctl.environ["HOME"]).glob(".cache/midonet/*/*"))


READS: tuple[list[str], ...] = (
    ["port", "list"],
    ["port", "show", "web/p1", "--at", "7"],
    ["host", "list", "--at", "third"],
    ["tag"],
    ["tag", "--at", "4"],
    ["diff", "third"],
    ["head", "--at", "12"],
    ["export"],
    [],
)


def test_reads_are_the_same_without_a_cache(long: Midoctl) -> None:
    assert [path.name for path in files(long)] == ["10.snapshot", "5.snapshot"]
    cached = [long.ok(*words) for words in READS]
    long.environ["MIDOCTL_NO_CACHE"] = "1"
    assert [long.ok(*words) for words in READS] == cached
    long.refused(4, "port", "list", "--at", "14")


def test_no_cache_writes_no_snapshot(network: Midoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "EVERY", 1)
    network.ok("port", "list", "--no-cache")
    assert files(network) == []
    network.ok("port", "list")
    assert len(files(network)) == 1


def test_a_replaced_log_is_read_again(long: Midoctl) -> None:
    log = Path(long.environ["XDG_DATA_HOME"]) / "midoctl" / "topology.db"
    for path in log.parent.iterdir():
        path.unlink()
    for number in range(12):
        long.ok("host", "create", f"other-{number}")
    assert len(long.ok("host", "list")) == 12
    assert long.ok("bridge", "list") == []


def test_verify_finds_corruption_before_the_snapshot(long: Midoctl) -> None:
    log = Path(long.environ["XDG_DATA_HOME"]) / "midoctl" / "topology.db"
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("UPDATE commits SET body = replace(CAST(body AS TEXT), 'alice', 'mally') WHERE position = 4")
    assert long.refused(7, "verify")["details"]["position"] == 4
    assert long.ok("port", "show", "web/p1")["vlan"] == 9
