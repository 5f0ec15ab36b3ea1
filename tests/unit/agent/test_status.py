"""What the agent says of itself follows from its status alone."""

from typing import Any

import msgspec
import pytest

from midonet.agent.status.show import form
from midonet.agent.status.status import Process, Status, lines, metrics, notes, reasons, report
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
        (but(registered=False, rival="process 1 on hv2"), f"host {HOST} is registered by process 1 on hv2"),
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


def said(before: Status, after: Status) -> list[str]:
    return [message for _, message, _ in lines(before, after)]


def test_each_change_of_state_is_one_line() -> None:
    start = Status(process=PROCESS, since="T0")
    away = but(connected=False, trouble="no connection", registered=False)
    assert said(start, GOOD) == ["connected to ZooKeeper", "registered", "host is in the topology"]
    assert said(GOOD, GOOD) == said(away, away) == said(GOOD, but(checkpoint=8)) == []
    assert said(GOOD, away) == ["ZooKeeper is away; what is known is kept"]
    assert said(away, GOOD) == ["connected to ZooKeeper", "registered"]
    assert said(start, msgspec.structs.replace(start, trouble="x")) == ["ZooKeeper is away; what is known is kept"]
    assert said(GOOD, but(problems={"/a": "bad"})) == ["unusable document, its last good state is kept"]
    assert said(but(problems={"/a": "bad"}), GOOD) == ["document is usable again"]
    assert said(start, but(registered=False, rival="x"))[1] == "this host's id is in use; waiting until it is free"


def test_metrics_are_what_prometheus_reads() -> None:
    found = dict(line.split() for line in metrics(but(checkpoint=9)).splitlines() if not line.startswith("#"))
    assert found["midonet_agent_applied_position"] == "7"
    assert found["midonet_agent_lag_events"] == "2"
    assert found["midonet_agent_connected"] == "1"
    assert found["midonet_agent_active_ports"] == "1"


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
