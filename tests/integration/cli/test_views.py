"""`midoctl wait`, `--wait` and `projection status`, with real servers, cluster daemon and agent."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from waiting import eventually

from midonet.testbed import OvsdbServer, ZooKeeper
from midonet.testbed.agent import AgentDaemon
from midonet.testbed.cluster import ClusterDaemon

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

HOST = "6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01"


@pytest.fixture
def views(
    midoctl: Midoctl, zookeeper: ZooKeeper, zk_root: str, ovsdb: Callable[..., OvsdbServer]
) -> Iterator[Callable[[], tuple[ClusterDaemon, AgentDaemon]]]:
    """A log with a host, a VTEP and a bound bridge; call it to start the cluster daemon and the host's agent."""
    midoctl.environ |= {"MIDOCTL_ZOOKEEPER": zookeeper.hosts, "MIDOCTL_ROOT": zk_root}
    switch = ovsdb()
    switch.add_switch("tor1", ["e1"], tunnel_ip="198.51.100.10")
    midoctl.ok("host", "create", "hv1", "--id", HOST)
    midoctl.ok("bridge", "create", "web")
    management = ("--management-ip", switch.host, "--management-port", str(switch.port))
    midoctl.ok("vtep", "create", "tor1", *management)
    midoctl.ok("vtep", "bind", "tor1", "--physical-port", "e1", "--bridge", "web")
    log = f"sqlite:///{midoctl.environ['XDG_DATA_HOME']}/midoctl/topology.db"
    with ExitStack() as stack:

        def start() -> tuple[ClusterDaemon, AgentDaemon]:
            where = ("--zookeeper", zookeeper.hosts, "--root", zk_root)
            cluster = stack.enter_context(ClusterDaemon("--log", log, *where))
            return cluster, stack.enter_context(AgentDaemon(HOST, *where))

        yield start


@pytest.mark.alone
def test_waiting_for_absent_views_times_out(midoctl: Midoctl, views: object) -> None:
    del views
    begun = time.monotonic()
    error = midoctl.refused(6, "wait", "--for", "nsdb", "--timeout", "0.3")
    assert 0.3 <= time.monotonic() - begun < 5
    assert (error["code"], error["details"]["position"]) == ("timed-out", 4)
    run = midoctl("-o", "json", "bridge", "create", "late", "--wait", "vtep=0.1")
    assert run.status == 6
    assert run.json["position"] == 5, "committed, although no view shows it"
    assert "the change itself is committed, at position 5" in run.error["message"]
    assert [row["position"] for row in midoctl.ok("projection", "status")] == [0, 0]
    assert {row["name"]: row["position"] for row in midoctl.ok()["views"]} == {"nsdb": 0, "vtep": 0}
    assert "vtep tor1" in midoctl().out


def test_a_command_waits_for_all_views(midoctl: Midoctl, views: Callable[[], Any]) -> None:
    cluster, _ = views()
    all_views = ("--for", "nsdb", "--for", "vtep", "--for", "agents", "--timeout", "30")
    while not midoctl.ok("wait", *all_views)["views"].keys() >= {"nsdb", "vtep", "agents"}:
        pytest.fail("all three were asked for")
    done = midoctl.ok("bridge", "create", "b", "--wait", "nsdb,vtep=20", "--wait", "agents")

    def status() -> dict[str, Any]:
        rows = {row["name"]: row for row in midoctl.ok("projection", "status")}
        return rows if {row["position"] for row in rows.values()} == {done["position"]} else {}

    rows = eventually(status)
    assert {row["target"] for row in rows.values()} == {
        "vtep tor1",
        "host hv1",
        f"{midoctl.environ['MIDOCTL_ROOT']}/nsdb",
    }
    assert {row["lag_events"] for row in rows.values()} == {0}
    assert [row["name"] for row in midoctl.ok("projection", "status", "vtep")] == ["vtep"]
    told = midoctl.ok("projection", "status", "--cluster", cluster.url)
    assert {row["name"] for row in told} == {"nsdb", "vtep"}
    assert {row["state"] for row in told} == {"live"}
    assert "live" in midoctl("projection", "status", "--cluster", cluster.url).out


def test_an_unreachable_server_is_named(midoctl: Midoctl, views: object) -> None:
    del views
    midoctl.environ["MIDOCTL_CLUSTER"] = "http://127.0.0.1:1"
    assert midoctl.refused(5, "projection", "status")["code"] == "unavailable"
    midoctl.environ["MIDOCTL_CLUSTER"] = "ftp://x"
    assert midoctl.refused(2, "projection", "status")["code"] == "usage"


@pytest.mark.parametrize(
    "words", [["--wait", "nsbd"], ["--wait", "nsdb=soon"], ["--wait", "nsdb"], ["--wait", "agents=-1"]]
)
def test_an_invalid_wait_is_refused_before_the_command(midoctl: Midoctl, words: list[str]) -> None:
    assert midoctl.refused(2, "bridge", "create", "web", *words)["code"] == "usage"
    assert midoctl.ok("bridge", "list") == []


def test_the_views_are_listed(midoctl: Midoctl) -> None:
    assert [found["name"] for found in midoctl.ok("projection", "list")] == ["nsdb", "vtep", "history", "agents"]
    assert "--zookeeper" in midoctl("projection", "status").out
