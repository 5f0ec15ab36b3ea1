"""Report, readiness, metrics and log lines follow from the status."""

from typing import Any

import msgspec
import pytest

from midonet.agent.status.show import form
from midonet.agent.status.status import Process, Status, changes, metrics, notes, reasons, report
from midonet.agent.view.snapshot import Snapshot
from midonet.events.model.bridge import Bridge
from midonet.events.model.port import Port

HOST = "6f1f0b3c-6f0f-4c68-8d3a-9b1a4a1f2e3d"
BRIDGE = Bridge(id="b1", name="web")
PORT = Port(id="p1", name="vm1", bridge="b1", host=HOST, interface="tap1")
OTHER = Port(id="p2", bridge="b1", host=HOST, interface="tap0")
SNAPSHOT = Snapshot("1", 7, "h7", True, {"bridge": {"b1": BRIDGE}, "port": {"p1": PORT, "p2": OTHER}})  # noqa: FBT003
PROCESS = Process(host=HOST, hostname="hv1", pid=42, version="1.0", started="T0", zookeeper="zk:2181", root="/midonet")
GOOD = Status(
    process=PROCESS,
    connected=True,
    since="T1",
    registered=True,
    snapshot=SNAPSHOT,
    checkpoint=7,
    bound=(PORT, OTHER),
    interfaces={"tap1": "up", "tap0": "down"},
    active=frozenset({"p1"}),
    documents=2,
    reads=9,
)


def but(**changes: Any) -> Status:
    return msgspec.structs.replace(GOOD, **changes)


def test_ready_when_connected_registered_and_informed() -> None:
    assert reasons(GOOD) == notes(GOOD) == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (but(connected=False, trouble="no connection"), "disconnected since T1: no connection"),
        (but(registered=False, other_agent="process 1 on hv2"), f"host {HOST} is registered by process 1 on hv2"),
        (but(registered=False), f"host {HOST} is not registered yet"),
        (but(snapshot=None, waiting="no view"), "no topology yet: no view"),
    ],
)
def test_not_ready_for_a_reason(status: Status, reason: str) -> None:
    assert reasons(status) == [reason]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (but(problems={"/a": "bad"}), "/a: bad"),
        (but(snapshot=Snapshot("1", 7, "h7", False, {})), f"host {HOST} is not in the topology yet"),  # noqa: FBT003
        (but(waiting="/a is ahead"), "position 7 is kept: /a is ahead"),
    ],
)
def test_ready_with_a_note(status: Status, text: str) -> None:
    assert notes(status) == [text]
    assert reasons(status) == []


def logged(before: Status, after: Status) -> list[str]:
    return [message for _, message, _ in changes(before, after)]


def test_each_change_of_state_is_one_line() -> None:
    start = Status(process=PROCESS, since="T0")
    away = but(connected=False, trouble="no connection", registered=False)
    assert logged(start, GOOD) == ["connected to ZooKeeper", "registered", "host is in the topology"]
    assert logged(GOOD, GOOD) == logged(away, away) == logged(GOOD, but(checkpoint=8)) == []
    assert logged(GOOD, away) == ["ZooKeeper is unreachable; the last snapshot is kept"]
    assert logged(away, GOOD) == ["connected to ZooKeeper", "registered"]
    assert logged(start, msgspec.structs.replace(start, trouble="x")) == [
        "ZooKeeper is unreachable; the last snapshot is kept"
    ]
    assert logged(GOOD, but(problems={"/a": "bad"})) == ["unreadable document, its last readable content is used"]
    assert logged(but(problems={"/a": "bad"}), GOOD) == ["document is readable again"]
    assert (
        logged(start, but(registered=False, other_agent="x"))[1] == "this host's id is in use; waiting until it is free"
    )


def test_metrics_are_what_prometheus_reads() -> None:
    text = metrics(but(checkpoint=9)).decode()
    assert {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")} == {
        "midonet_agent_connected": 1,
        "midonet_agent_registered": 1,
        "midonet_agent_applied_position": 7,
        "midonet_agent_lag_events": 2,
        "midonet_agent_documents": 2,
        "midonet_agent_bad_documents": 0,
        "midonet_agent_active_ports": 1,
        "midonet_agent_reads_total": 9,
        "midonet_agent_reconnects_total": 0,
    }


def test_a_position_that_went_back_is_no_lag() -> None:
    assert but(checkpoint=5).lag == 0


def test_report_shows_objects_and_ports() -> None:
    found = report(GOOD)
    assert found["position"] == 7
    assert found["counts"] == {"bridge": 1, "port": 2}
    assert found["objects"]["bridge"]["b1"]["name"] == "web"
    assert [(port["interface"], port["state"], port["active"]) for port in found["ports"]] == [
        ("tap0", "down", False),
        ("tap1", "up", True),
    ]


def test_table_for_people() -> None:
    text = form(report(but(connected=False, trouble="no connection")), "table")
    assert text.splitlines() == [
        f"host:       {HOST} (hv1)",
        "agent:      1.0, pid 42, since T0",
        "zookeeper:  zk:2181/midonet, disconnected since T1",
        "position:   7 of 7, 2 documents",
        "hash:       h7",
        "note: disconnected since T1: no connection",
        "",
        "KIND    OBJECTS",
        "bridge  1",
        "port    2",
        "",
        "PORT  DEVICE      INTERFACE  STATE",
        "p2    bridge web  tap0       down",
        "vm1   bridge web  tap1       active",
    ]


def test_a_port_of_an_unnamed_or_unknown_device() -> None:
    port = Port(id="p3", router="r1", host=HOST, interface="tap3")
    assert report(but(bound=(port,)))["ports"][0]["device"] == "router r1"
