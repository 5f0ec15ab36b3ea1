"""`midoctl plan` and `apply --plan`."""

import json
from pathlib import Path
from typing import Any

import pytest

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

WANTED = b"""
- {kind: bridge, name: web, tenant: acme}
- {kind: port, name: p1, bridge: web, host: hv1, interface: tap1}
- {kind: host, name: hv3}
"""


@pytest.fixture
def kept(network: Midoctl, tmp_path: Path) -> str:
    """The file of a plan made at position 1."""
    path = str(tmp_path / "a.plan")
    network.ok("plan", "-f", "-", "--out", path, stdin=WANTED)
    return path


def named(found: list[dict[str, str]]) -> set[str]:
    return {one["name"] for one in found}


def test_a_plan_shows_all_changes_and_writes_nothing(network: Midoctl) -> None:
    plan = network.ok("plan", "-f", "-", stdin=b"[{kind: bridge, name: web, tenant: acme}, {kind: host, name: hv3}]")
    assert set(plan) == {"position", "id", "events", "object", "hosts", "vteps"}
    assert (named(plan["hosts"]), plan["vteps"]) == ({"hv3"}, [])
    text = network("plan", "-f", "-", stdin=WANTED).out
    assert "port p1 of bridge web bound: host none → hv1" in text
    assert "affected hosts: " in text
    assert network.ok("head")["position"] == 1


def test_a_plan_shows_cascades_and_affected_vteps(network: Midoctl) -> None:
    network.ok("vtep", "bind", "tor1", "--physical-port", "eth1", "--bridge", "web")
    exported = [one for one in network.ok("export") if one["name"] not in ("web", "tor1")]
    tor1 = {"kind": "vtep", "name": "tor1", "management_ip": "192.0.2.10", "tunnel_zone": "fabric"}
    plan = network.ok("plan", "--prune", "-f", "-", stdin=json.dumps([*exported, tor1]).encode())
    assert {event["type"] for event in plan["events"]} == {"bridge.deleted", "port.deleted", "vtep-binding.deleted"}
    assert named(plan["vteps"]) == {"tor1"}


def test_a_plan_is_applied_exactly(network: Midoctl, kept: str) -> None:
    plan = json.loads(Path(kept).read_bytes())
    assert network.ok("apply", "--plan", kept, "--dry-run")["position"] == 1
    done = network.ok("apply", "--plan", kept, "-m", "as discussed")
    assert done["events"] == plan["events"]
    assert (done["position"], done["id"]) == (2, plan["id"])
    assert network.ok("log", "-n", "1")["reason"] == "as discussed"
    assert network.ok("apply", "--plan", kept) == done
    assert network.ok("head")["position"] == 2


def test_a_plan_is_refused_once_the_head_moved(network: Midoctl, kept: str) -> None:
    network.ok("host", "create", "hv9", "--actor", "bob@ops", "-m", "ticket 8")
    error = network.refused(3, "apply", "--plan", kept)
    assert (error["code"], error["details"]["expected"], error["details"]["actual"]) == ("head-moved", 1, 2)
    (since,) = error["details"]["commits"]
    assert (since["command"], since["actor"], since["reason"]) == ("host.create", "bob@ops", "ticket 8")
    assert network.ok("head")["position"] == 2


def test_a_plan_for_another_log_is_refused(network: Midoctl, kept: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    network.refused(5, "apply", "--plan", kept, "--server", other)
    network.ok("host", "create", "hv1", "--server", other, "--create")
    network.refused(3, "apply", "--plan", kept, "--server", other)


def test_a_plan_that_was_edited_is_refused(network: Midoctl, kept: str) -> None:
    Path(kept).write_bytes(Path(kept).read_bytes().replace(b'"acme"', b'"evil"', 1))
    network.refused(3, "apply", "--plan", kept)
    Path(kept).write_bytes(b"{}")
    network.refused(3, "apply", "--plan", kept)
    network.refused(2, "apply", "--plan", kept + "x")
    network.refused(2, "apply", "--plan", kept, "--prune")
    network.refused(2, "plan", "-f", "-", "--out", "/proc/nowhere/a.plan", stdin=WANTED)
    assert network.ok("head")["position"] == 1


def test_the_first_plan_needs_no_log(midoctl: Midoctl, tmp_path: Path) -> None:
    path = str(tmp_path / "a.plan")
    midoctl.ok("plan", "-f", "-", "--out", path, stdin=b"[{kind: host, name: hv1}]")
    assert midoctl.ok("apply", "--plan", path)["position"] == 1
