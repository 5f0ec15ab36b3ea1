"""Rebuild, replay, controls and drift of views, with a real daemon, switch and ZooKeeper."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from waiting import eventually

from midonet.testbed import OvsdbServer, ZooKeeper
from midonet.testbed.cluster import ClusterDaemon

MIDOCTL = Path(sys.executable).with_name("midoctl")
Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""


class Stage:
    """A log with a bound bridge, the daemon of its views, and a ZooKeeper client."""

    def __init__(self, daemon: ClusterDaemon, switch: OvsdbServer, hands: KazooClient, root: str) -> None:
        self.daemon, self.switch, self.hands, self.root = daemon, switch, hands, root

    def generation(self) -> str:
        """Return the live generation."""
        return str(json.loads(self.hands.get(f"{self.root}/nsdb")[0])["generation"])

    def document(self, kind: str) -> str:
        """Return the path of the only document of a kind in the live generation."""
        folder = f"{self.root}/nsdb/{self.generation()}/models/{kind}"
        (name,) = self.hands.get_children(folder)
        return f"{folder}/{name}"

    def state(self, name: str) -> str:
        """Return how a projection is."""
        return str(
            next((each["state"] for each in self.daemon.status()["projections"] if each["name"] == name), "none")
        )


@pytest.fixture
def stage(midoctl: Midoctl, zookeeper: ZooKeeper, zk_root: str, ovsdb: Callable[..., OvsdbServer]) -> Iterator[Stage]:
    """A stage whose views are live."""
    midoctl.environ |= {"MIDOCTL_ZOOKEEPER": zookeeper.hosts, "MIDOCTL_ROOT": zk_root}
    switch = ovsdb()
    switch.add_switch("tor1", ["e1"], tunnel_ip="198.51.100.10")
    midoctl.ok("bridge", "create", "web")
    midoctl.ok("vtep", "create", "tor1", "--management-ip", switch.host, "--management-port", str(switch.port))
    midoctl.ok("vtep", "bind", "tor1", "--physical-port", "e1", "--bridge", "web")
    log = f"sqlite:///{midoctl.environ['XDG_DATA_HOME']}/midoctl/topology.db"
    options = ("--log", log, "--zookeeper", zookeeper.hosts, "--root", zk_root, "--node", "n1")
    with ExitStack() as stack:
        daemon = stack.enter_context(ClusterDaemon(*options, "--reconcile-interval", "1"))
        hands = KazooClient(zookeeper.hosts)
        hands.start()
        stack.callback(hands.close)
        stack.callback(hands.stop)
        midoctl.ok("wait", "--for", "nsdb", "--for", "vtep")
        yield Stage(daemon, switch, hands, zk_root)


def test_a_rebuild_switches_and_rolls_back(midoctl: Midoctl, stage: Stage) -> None:
    (report,) = midoctl.ok("projection", "rebuild", "nsdb")
    assert (report["generation"], report["previous"], stage.generation()) == ("2", "1", "2")
    assert report["differences"]["compared"] > 0
    midoctl.ok("bridge", "create", "afterwards", "--wait", "nsdb=20")
    (back,) = midoctl.ok("projection", "rebuild", "nsdb", "--rollback")
    assert (back["generation"], back["position"], stage.generation()) == ("1", 4, "1")
    midoctl.ok("bridge", "create", "and on", "--wait", "nsdb=20")
    assert midoctl("projection", "rebuild", "nsdb").out.startswith(f"{stage.root}/nsdb is at position 5, generation 3")
    assert sorted(stage.hands.get_children(f"{stage.root}/nsdb")) == ["1", "3"]


def test_a_killed_rebuild_is_continued_by_the_next_one(midoctl: Midoctl, stage: Stage) -> None:
    ports = "\n".join(f"- {{kind: bridge, name: b{number}}}" for number in range(3_000))
    midoctl.ok("apply", "-f", "-", stdin=ports.encode())
    midoctl.ok("wait", "--for", "nsdb")
    command = [str(MIDOCTL), "projection", "rebuild", "nsdb"]
    with subprocess.Popen(command, env=midoctl.environ, stdout=subprocess.DEVNULL) as process:
        eventually(lambda: stage.hands.exists(f"{stage.root}/nsdb/2") is not None)
        process.kill()
    assert stage.generation() == "1"
    midoctl.ok("bridge", "create", "meanwhile", "--wait", "nsdb=20")
    midoctl.ok("projection", "rebuild", "nsdb")  # though the session of the dead one may not be over
    assert stage.generation() == "2"
    assert midoctl("projection", "rebuild", "nsdb", "--dry-run").status == 0


def test_a_dry_run_with_differences_exits_7(midoctl: Midoctl, stage: Stage) -> None:
    midoctl.ok("projection", "pause", "nsdb", "-m", "to look at something")
    eventually(lambda: stage.state("nsdb") == "paused")
    path = stage.document("bridge")
    stage.hands.set(path, b"edited")
    run = midoctl("-o", "json", "projection", "rebuild", "nsdb", "--dry-run")
    assert run.status == 7
    assert run.json[0]["differences"]["different"] == [path.partition("/nsdb/1/")[2]]
    assert stage.hands.get(path)[0] == b"edited"
    assert "1 different" in midoctl("projection", "rebuild", "nsdb").out
    assert stage.hands.get(stage.document("bridge"))[0] != b"edited"


def test_a_switch_is_compared_and_repaired(midoctl: Midoctl, stage: Stage) -> None:
    midoctl.ok("projection", "pause", "vtep")
    eventually(lambda: stage.state("vtep") == "paused")
    (name,) = stage.switch.vtep_ctl("list-ls").split()
    stage.switch.vtep_ctl("set", "Logical_Switch", name, "tunnel_key=7")
    run = midoctl("-o", "json", "projection", "rebuild", "vtep", "--dry-run")
    assert (run.status, run.json[0]["differences"]["different"]) == (7, [f"switch/{name}"])
    (report,) = midoctl.ok("projection", "rebuild", "vtep")
    assert (report["target"], report["differences"]["different"]) == ("vtep tor1", [f"switch/{name}"])
    assert stage.switch.vtep_ctl("get", "Logical_Switch", name, "tunnel_key").strip() == "10001"
    assert midoctl.refused(2, "projection", "rebuild", "vtep", "--rollback")["code"] == "usage"


def test_an_unreachable_switch_blocks_no_other(midoctl: Midoctl, stage: Stage) -> None:
    midoctl.ok("vtep", "create", "away", "--management-ip", "127.0.0.1", "--management-port", "1")
    midoctl.ok("projection", "pause", "vtep")
    eventually(lambda: stage.state("vtep") == "paused")
    (name,) = stage.switch.vtep_ctl("list-ls").split()
    stage.switch.vtep_ctl("set", "Logical_Switch", name, "tunnel_key=7")
    run = midoctl("-o", "json", "projection", "rebuild", "vtep")
    assert [report["target"] for report in run.json] == ["vtep tor1"]
    assert (run.status, "vtep away" in run.err) == (5, True)
    assert stage.switch.vtep_ctl("get", "Logical_Switch", name, "tunnel_key").strip() == "10001"


def test_status_of_a_view_needs_no_daemon(midoctl: Midoctl, stage: Stage) -> None:
    def states() -> dict[str, tuple[str, int]]:
        return {row["name"]: (row["state"], row["lag_events"]) for row in midoctl.ok("projection", "status")}

    assert states() == {"nsdb": ("live", 0), "vtep": ("live", 0)}
    midoctl.ok("projection", "pause", "nsdb")
    eventually(lambda: states()["nsdb"] == ("paused", 1))
    stage.daemon.kill()
    midoctl.ok("projection", "resume", "nsdb")
    assert states()["nsdb"] in {("live", 2), ("catching-up", 2)}, "so far"
    (row,) = midoctl.ok("projection", "status", "nsdb")
    assert row["lag_seconds"] > 0
    stage.hands.set(f"{stage.root}/nsdb/1/checkpoint", b'{"position": 3, "hash": "00"}')
    (row,) = midoctl.ok("projection", "status", "nsdb")
    assert (row["state"], row["last_error"]) == ("parked", "the view has a commit 3 with another hash than the log")


def test_drift_records_persist_after_the_daemon(midoctl: Midoctl, stage: Stage) -> None:
    assert midoctl.ok("projection", "drift") == []
    path = stage.document("bridge")
    stage.hands.delete(path)
    (name,) = stage.switch.vtep_ctl("list-ls").split()
    stage.switch.vtep_ctl("set", "Logical_Switch", name, "tunnel_key=7")
    eventually(lambda: len(midoctl.ok("projection", "drift")) == 2)
    told = midoctl.ok("projection", "drift", "--cluster", stage.daemon.url)
    assert {each["projection"] for each in told} == {"nsdb", "vtep"}
    stage.daemon.kill()
    (found,) = midoctl.ok("projection", "drift", "nsdb")
    assert (found["kind"], found["found"], found["position"]) == ("missing", None, 3)
    assert (found["command"], found["actor"].partition("@")[0]) == ("vtep.bind", "alice")
    (row,) = midoctl.ok("projection", "drift", "vtep")
    assert (row["key"], row["found"], row["expected"]) == (f"switch/{name}", "7", "10001")
    stage.daemon.start()
    assert len(midoctl.ok("projection", "drift")) == 2
    assert "missing" in midoctl("projection", "drift", "-n", "5").out


def test_controls_are_effective_at_once_and_after_restart(midoctl: Midoctl, stage: Stage) -> None:
    midoctl.ok("projection", "pause", "nsdb", "-m", "ticket 7")
    eventually(lambda: stage.state("nsdb") == "paused")
    stage.daemon.restart()
    eventually(lambda: stage.state("nsdb") == "paused")
    midoctl.ok("bridge", "create", "late", "--wait", "vtep=20")
    assert midoctl.refused(6, "wait", "--for", "nsdb", "--timeout", "0.5")["code"] == "timed-out"
    midoctl.ok("projection", "resume", "nsdb", "--wait", "nsdb=20")
    key = stage.document("vtep").partition("/nsdb/1/")[2]
    midoctl.ok("projection", "skip", "nsdb", key)
    midoctl.ok("vtep", "set", "tor1", "--name", "tor2", "--wait", "nsdb=20")
    assert b"tor1" in stage.hands.get(stage.document("vtep"))[0]
    eventually(lambda: key in stage.daemon.status()["projections"][0]["waiting"])
    midoctl.ok("projection", "retry", "nsdb", key)
    eventually(lambda: b"tor2" in stage.hands.get(stage.document("vtep"))[0])
    lines = midoctl("-o", "json", "log", "--kind", "projection").out.splitlines()
    words = [json.loads(line)["command"]["name"] for line in lines]
    assert words == ["projection.pause", "projection.resume", "projection.skip", "projection.retry"]
    for ref in ("nsdb", "projection/nsdb"):
        lines = json.loads(midoctl("-o", "json", "history", ref).out)
        assert len(lines) == len(words), ref
    assert "did you mean nsdb?" in midoctl.refused(4, "history", "nsbd")["message"]
    midoctl.ok("verify")


def test_replay_never_overwrites_a_live_view(
    midoctl: Midoctl, stage: Stage, zookeeper: ZooKeeper, tmp_path: Path
) -> None:
    scratch = f"zk://{zookeeper.hosts}{stage.root}-scratch"
    assert midoctl.ok("replay", "--at", "1", "--projection", "nsdb", "--into", scratch)["views"] == {"nsdb": 1}
    assert midoctl.ok("replay", "--projection", "nsdb", "--into", scratch)["position"] == 3
    checkpoint = json.loads(stage.hands.get(f"{stage.root}-scratch/nsdb/1/checkpoint")[0])
    assert checkpoint["position"] == 3
    live = f"zk://{zookeeper.hosts}{stage.root}"
    assert "may be a live view" in midoctl.refused(3, "replay", "--projection", "nsdb", "--into", live)["message"]
    stage.hands.set(f"{stage.root}-scratch/nsdb/1/checkpoint", b'{"position": 2, "hash": "00"}')
    assert midoctl.refused(3, "replay", "--projection", "nsdb", "--into", scratch)["code"] == "conflict"
    for projection in ("nsdb", "vtep"):
        midoctl.ok("replay", "--projection", projection, "--into", f"sqlite:///{tmp_path}/past.db")
    with closing(sqlite3.connect(tmp_path / "past.db")) as database:
        views = {row[0].partition("/")[0] for row in database.execute("SELECT DISTINCT view FROM midonet_views")}
    assert views == {"nsdb", "vtep"}


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["replay", "--projection", "vtep", "--into", "zk://127.0.0.1:1/x"], 2),
        (["replay", "--projection", "nsdb", "--into", "zk://127.0.0.1:1"], 2),
        (["replay", "--projection", "nsdb", "--into", "nonsense"], 2),
        (["replay", "--projection", "nsdb", "--into", "sqlite://"], 2),
        (["projection", "rebuild", "agents"], 2),
        (["projection", "rebuild", "nsdb", "--rollback", "--discard"], 2),
        (["projection", "rebuild", "nsdb"], 2),
        (["projection", "pause", "agents"], 2),
        (["projection", "skip", "nsdb", ""], 3),
    ],
)
def test_invalid_arguments_are_refused(midoctl: Midoctl, words: list[str], status: int) -> None:
    midoctl.ok("bridge", "create", "web")
    midoctl.refused(status, *words)


def test_replay_refuses_a_database_with_a_log(midoctl: Midoctl) -> None:
    midoctl.ok("bridge", "create", "web")
    log = f"sqlite:///{midoctl.environ['XDG_DATA_HOME']}/midoctl/topology.db"
    assert "contains a log" in midoctl.refused(2, "replay", "--projection", "nsdb", "--into", log)["message"]
    midoctl.ok("verify")
