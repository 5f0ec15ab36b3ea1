"""`midoctl cluster` and `service`: nodes, services, enable and disable."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from waiting import eventually

from midonet.testbed import ZooKeeper
from midonet.testbed.cluster import ClusterDaemon

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def start(midoctl: Midoctl, zookeeper: ZooKeeper, zk_root: str) -> Iterator[Callable[[str], ClusterDaemon]]:
    """Call it with a name to start a node on midoctl's log."""
    midoctl.environ |= {"MIDOCTL_ZOOKEEPER": zookeeper.hosts, "MIDOCTL_ROOT": zk_root}
    midoctl.ok("bridge", "create", "web")
    log = f"sqlite:///{midoctl.environ['XDG_DATA_HOME']}/midoctl/topology.db"
    options = ["--log", log, "--zookeeper", zookeeper.hosts, "--root", zk_root]
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(ClusterDaemon(*options, "--node", name))


def test_status_shows_nodes_services_and_errors(midoctl: Midoctl, start: Callable[[str], ClusterDaemon]) -> None:
    empty = midoctl("cluster", "status")
    assert (empty.status, "no node" in empty.err) == (0, True)
    first, second = start("n1"), start("n2")
    position = midoctl.ok("service", "disable", "vtep", "--node", "n2", "-m", "ticket 7")["position"]

    def settled() -> bool:
        nodes = midoctl.ok("cluster", "status")["nodes"]
        return [(node["node"], node["position"], node["lag_events"]) for node in nodes] == [
            ("n1", position, 0),
            ("n2", position, 0),
        ] and nodes[1]["services"]["vtep"]["state"] == "disabled"

    eventually(settled)
    table = midoctl("cluster", "status").out
    assert first.url in table
    assert "nsdb live" in table
    assert midoctl("cluster", "status", "-o", "name").out.split() == ["n1", "n2"]
    through_a_node = midoctl.ok("cluster", "status", "--cluster", second.url)
    assert [node["node"] for node in through_a_node["nodes"]] == ["n1", "n2"]

    rows = {row["name"]: row for row in midoctl.ok("service", "list")}
    assert rows["vtep"]["enabled"] is True
    assert rows["vtep"]["nodes"] == {"n2": "disabled"}
    assert rows["vtep"]["states"] == {"n1": "running", "n2": "disabled"}
    assert "n2: disabled" in midoctl("service", "list").out
    assert "service vtep on node n2: disabled" in midoctl("log").out
    midoctl.ok("revert", str(position))
    eventually(lambda: midoctl.ok("cluster", "status")["nodes"][1]["services"]["vtep"]["state"] == "running")


def test_an_uninstalled_service_is_refused(midoctl: Midoctl) -> None:
    assert "--unknown" in midoctl.refused(4, "service", "disable", "vtpe")["message"]
    assert midoctl.ok("service", "disable", "elsewhere", "--unknown")["position"] == 1
    assert "elsewhere" in midoctl("service", "list").out
    midoctl.refused(3, "service", "disable", "no such thing", "--unknown")
    assert midoctl.ok("service", "enable", "vtep")["events"] == []


def test_unreachable_or_missing_addresses_are_named(midoctl: Midoctl) -> None:
    assert "--zookeeper" in midoctl.refused(2, "cluster", "status")["message"]
    assert NOWHERE in midoctl.refused(5, "cluster", "status", "--cluster", f"http://{NOWHERE}")["message"]
    begun = time.monotonic()
    assert NOWHERE in midoctl.refused(5, "cluster", "status", "--zookeeper", NOWHERE)["message"]
    assert time.monotonic() - begun < 20
    listed = midoctl("service", "list", "--cluster", f"http://{NOWHERE}")
    assert (listed.status, "vtep" in listed.out, "states are unknown" in listed.err) == (0, True, True)
