"""Reads as of any moment, detection of tampering, and cascades in dry runs, from end to end."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

STEPS = """
port bind web/p1 --host hv1 --interface tap1
bridge set web --inbound-filter web-in
chain add-rule web-in --at-index 1 --action drop --nw-proto udp
port link web/up edge/gw
bridge add-mac web 02:00:00:00:00:01 --port web/p1
tag half-way
vtep bind tor1 --physical-port eth1 --vlan 7 --bridge web
chain remove-rule web-in 1
tunnel-zone remove-member underlay --host hv2
router delete edge --cascade
bridge delete web --cascade
revert 12
"""


@pytest.fixture
def log_file(network: Midoctl) -> Path:
    """The file of a log with several commits."""
    for step in STEPS.strip().splitlines():
        network.ok(*step.split())
    return Path(network.environ["XDG_DATA_HOME"]) / "midoctl/topology.db"


def test_reads_at_every_moment_are_unchanged(network: Midoctl) -> None:
    seen = {}
    for step in STEPS.strip().splitlines():
        network.ok(*step.split())
        head = network.ok("head")
        kinds = ("bridge", "port", "rule", "tunnel-zone")
        seen[head["position"]] = head, network.ok("export"), [network.ok(kind, "list") for kind in kinds]
    for position, (head, exported, lists) in seen.items():
        for moment in (str(position), head["time"]):
            assert network.ok("export", "--at", moment) == exported
            assert network.ok("head", "--at", moment) == head
            assert [network.ok(kind, "list", "--at", moment) for kind in kinds] == lists
    tagged = network.ok("tag", "list")[0]["position"]
    assert network.ok("export", "--at", "half-way") == seen[tagged][1]


def flip(database: sqlite3.Connection) -> None:
    database.execute("UPDATE commits SET body = replace(CAST(body AS TEXT), 'tap1', 'tap2') WHERE position = 2")


def drop(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM commits WHERE position = 5")


def swap(database: sqlite3.Connection) -> None:
    bodies = {p: database.execute("SELECT body FROM commits WHERE position = ?", (p,)).fetchone()[0] for p in (5, 6)}
    for position, other in ((5, 6), (6, 5)):
        database.execute("UPDATE commits SET body = ? WHERE position = ?", (bodies[other], position))


def relabel(database: sqlite3.Connection) -> None:
    database.execute("UPDATE commits SET actor = 'mallory' WHERE position = 5")


@pytest.mark.parametrize(
    ("attack", "position", "told"),
    [(flip, (2, 3), "commit"), (drop, (5,), "commit 5 is missing"), (swap, (5,), "commit 5"), (relabel, (5,), "actor")],
)
def test_tampering_is_found_with_its_first_position(
    network: Midoctl,
    log_file: Path,
    attack: Callable[[sqlite3.Connection], None],
    position: tuple[int, ...],
    told: str,
) -> None:
    with closing(sqlite3.connect(log_file, isolation_level=None)) as database:
        attack(database)
    error = network.refused(7, "verify")
    assert error["details"]["position"] in position
    assert f"position {error['details']['position']}" in error["message"]
    assert told in error["message"]


def test_verify_has_finds_a_truncated_log(network: Midoctl, log_file: Path) -> None:
    head = network.ok("head")
    anchor = f"{head['position']}:{head['hash']}"
    assert network.ok("verify", "--has", anchor, "--has", f"0:{'0' * 64}")["position"] == head["position"]
    with closing(sqlite3.connect(log_file, isolation_level=None)) as database:
        database.execute("DELETE FROM commits WHERE position > 9")
    assert network.ok("verify")["position"] == 9, "whole in itself"
    error = network.refused(7, "verify", "--has", anchor)
    assert error["details"] == {"position": 10, "expected": head["hash"]}
    for number in range(5):
        network.ok("bridge", "create", f"b{number}")
    assert network.refused(7, "verify", "--has", anchor)["details"]["position"] == head["position"]
    for text in ("9", "x:y", f"1:{'0' * 63}", f"{'9' * 30}:{'0' * 64}"):
        network.refused(2, "verify", "--has", text)


def test_a_dry_run_shows_cleared_references(network: Midoctl) -> None:
    network.ok("bridge", "set", "web", "--inbound-filter", "web-in")
    network.ok("port", "set", "edge/gw", "--outbound-filter", "web-in")
    error = network.refused(3, "chain", "delete", "web-in", "--dry-run")
    assert {one["field"] for one in error["details"]["referrers"]} == {"inbound_filter", "outbound_filter"}
    told = network("chain", "delete", "web-in", "--cascade", "--dry-run").out.splitlines()
    assert "bridge web: inbound_filter web-in → none" in told
    assert "port gw of router edge: outbound_filter web-in → none" in told
    assert network.ok("head")["position"] == 3, "nothing was written"


def test_a_commit_has_actor_reason_channel_and_causation(network: Midoctl) -> None:
    network.ok("bridge", "create", "db", "--actor", "bob@ops", "-m", "ticket 7", "--command-id", "request-7")
    commit = json.loads(network("log", "-n", "1", "-o", "json").out)
    said = {field: commit[field] for field in ("actor", "reason", "id", "channel")}
    assert said == {"actor": "bob@ops", "reason": "ticket 7", "id": "request-7", "channel": "cli"}
    (entry,) = network.ok("history", "db")
    assert {field: entry[field] for field in said} == said
    assert '"ticket 7"' in network("log", "--actor", "bob").out
    assert all(row["actor"] == "bob@ops" for row in network.ok("blame", "db"))
