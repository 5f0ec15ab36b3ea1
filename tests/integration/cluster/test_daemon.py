"""The daemon: both views follow the log through failures of servers, and the state is reported."""

import json
import re
from collections.abc import Callable

import pytest
from clustered import Scene
from prometheus_client.parser import text_string_to_metric_families
from waiting import eventually

from midonet.projections.vtep import read_rows
from midonet.testbed import Kafka, ZooKeeper
from midonet.testbed.cluster import ClusterDaemon

Make = Callable[..., Scene]


def reasons(daemon: ClusterDaemon) -> str:
    """Return why the daemon is not ready, `ready` if it is."""
    status, body = daemon.get("/readyz")
    found = json.loads(body)
    assert (status == 200) == found["ready"]
    return "ready" if found["ready"] else "; ".join(found["reasons"])


def ready(daemon: ClusterDaemon) -> bool:
    return reasons(daemon) == "ready"


def states(daemon: ClusterDaemon) -> dict[str, str]:
    return {each["target"]: each["state"] for each in daemon.status()["projections"]}


def grow(scene: Scene, vtep: str, first: int = 1, last: int = 5) -> None:
    """Create bridges with a port, bound to the switch."""
    for vlan in range(first, last + 1):
        bridge = scene.create("bridge", name=f"bridge-{vlan}")
        scene.create("port", bridge=bridge)
        scene.bind(vtep, vlan, bridge)


def test_both_views_follow_the_log(scene: Make) -> None:
    stage = scene()
    switch = stage.switch()
    daemon = stage.daemon()
    eventually(lambda: ready(daemon))
    vtep = stage.vtep(switch, "tor")
    grow(stage, vtep)
    stage.nsdb_settles()
    stage.vtep_settles(vtep, switch)
    eventually(lambda: ready(daemon))
    assert daemon.get("/healthz") == (200, '{"alive":true,"dead_threads":[]}\n')

    status = daemon.status()
    head = stage.store.topology.head
    assert status["log"] == stage.url
    assert status["head"] == {"position": head.position, "hash": head.hash, "time": head.time}
    states = {each["name"]: (each["state"], each["healthy"]) for each in status["services"]}
    assert states.pop("zookeeper") == states.pop("history") == ("disabled", True)
    assert states == dict.fromkeys(states, ("running", True))
    assert [(each["name"], each["state"], each["position"], each["lag_events"]) for each in status["projections"]] == [
        ("nsdb", "live", head.position, 0),
        ("vtep", "live", head.position, 0),
    ]
    assert status["projections"][1]["target"] == f"127.0.0.1:{switch.port}"

    samples = [
        sample for family in text_string_to_metric_families(daemon.get("/metrics")[1]) for sample in family.samples
    ]
    positions = {s.labels["projection"]: s.value for s in samples if s.name == "midonet_projection_position"}
    assert positions == {"nsdb": head.position, "vtep": head.position}
    live = [s.value for s in samples if s.name == "midonet_projection_state" and s.labels["state"] == "live"]
    assert live == [1, 1]


def test_unwritable_values_are_reported(scene: Make) -> None:
    stage = scene()
    switch = stage.switch()
    vtep = stage.vtep(switch, "tor")
    stage.create("vtep-binding", vtep=vtep, physical_port="no-such", vlan=7, bridge=stage.create("bridge", name="b"))
    daemon = stage.daemon()
    eventually(lambda: ready(daemon))
    (waiting,) = [each["waiting"] for each in daemon.status()["projections"] if each["name"] == "vtep"]
    assert ["no-such" in key for key in waiting] == [True]


@pytest.mark.parametrize("backend", ["sqlite", "kafka"])
def test_views_equal_a_rebuild_after_sigkill(
    backend: str, scene: Make, request: pytest.FixtureRequest, kafka_topic: str
) -> None:
    kafka: Kafka | None = request.getfixturevalue("kafka") if backend == "kafka" else None
    stage = scene(f"kafka://{kafka.bootstrap}/{kafka_topic}") if kafka else scene()
    switch = stage.switch()
    vtep = stage.vtep(switch, "tor")
    daemon = stage.daemon()
    for generation in range(3):
        grow(stage, vtep, generation * 5 + 1, generation * 5 + 5)
        daemon.kill()
        grow(stage, vtep, generation * 5 + 101, generation * 5 + 103)
        daemon.start()
    stage.nsdb_settles()
    stage.vtep_settles(vtep, switch)
    eventually(lambda: ready(daemon))
    assert all(each["repairs"] == 0 for each in daemon.status()["projections"])


def test_missing_zookeeper_does_not_delay_switches(scene: Make) -> None:
    absent = ZooKeeper()
    try:
        stage = scene(hosts=absent.hosts)
        switch = stage.switch()
        vtep = stage.vtep(switch, "tor")
        grow(stage, vtep)
        daemon = stage.daemon()
        stage.vtep_settles(vtep, switch)
        eventually(lambda: "ZooKeeper" in reasons(daemon))
        assert daemon.get("/healthz")[0] == 200
        absent.start()
        stage.nsdb_settles()
        eventually(lambda: ready(daemon))
        absent.kill()
        eventually(lambda: "ZooKeeper" in reasons(daemon), 30)
        grow(stage, vtep, 50, 52)
        stage.vtep_settles(vtep, switch)
        absent.start()
        stage.nsdb_settles()
        eventually(lambda: ready(daemon))
    finally:
        absent.close()


def test_unreachable_switch_does_not_delay_others(scene: Make) -> None:
    stage = scene()
    hung, gone, well = stage.switch(), stage.switch(), stage.switch()
    vteps = {switch: stage.vtep(switch, name) for switch, name in ((hung, "hung"), (gone, "gone"), (well, "well"))}
    hung.freeze()
    gone.kill()
    daemon = stage.daemon()
    grow(stage, vteps[well])
    stage.vtep_settles(vteps[well], well)
    stage.nsdb_settles()
    eventually(lambda: ready(daemon))
    unreachable = {name for name, state in states(daemon).items() if state != "live"}
    assert len(unreachable) == 2
    hung.thaw()
    gone.start()
    for switch, vtep in vteps.items():
        stage.vtep_settles(vtep, switch, 30)
    eventually(lambda: ready(daemon))


def test_vteps_are_created_moved_and_deleted_live(scene: Make) -> None:
    stage = scene()
    old, new = stage.switch(), stage.switch()
    daemon = stage.daemon()
    vtep = stage.vtep(old, "tor")
    grow(stage, vtep)
    stage.vtep_settles(vtep, old)
    stage.set("vtep", vtep, management_port=new.port)
    stage.vtep_settles(vtep, new)
    rows = read_rows(*old.tcp)
    assert rows == read_rows(*new.tcp)
    grow(stage, vtep, 11, 12)
    stage.vtep_settles(vtep, new)
    assert read_rows(*old.tcp) == rows, "the old switch is not written any more"
    stage.delete("vtep", vtep, cascade=True)
    eventually(lambda: read_rows(*new.tcp) == {})
    eventually(lambda: [each["name"] for each in daemon.status()["projections"]] == ["nsdb"])
    eventually(lambda: ready(daemon))


def test_two_daemons_share_one_log(scene: Make) -> None:
    stage = scene()
    switch = stage.switch()
    vtep = stage.vtep(switch, "tor")
    first, second = stage.daemon(), stage.daemon()
    eventually(lambda: ready(first) and ready(second))
    grow(stage, vtep, 1, 10)
    first.kill()
    grow(stage, vtep, 11, 20)
    stage.nsdb_settles()
    stage.vtep_settles(vtep, switch)
    eventually(lambda: ready(second))


def test_log_is_brief_with_one_line_per_event(scene: Make) -> None:
    absent = ZooKeeper()
    try:
        stage = scene(hosts=absent.hosts)
        stage.create("bridge", name="b")
        daemon = stage.daemon()
        eventually(lambda: set(states(daemon).values()) == {"stalled"})
        eventually(lambda: "stalled" in daemon.log.read_text())
    finally:
        absent.close()
    first, *lines = daemon.log.read_text().splitlines()
    assert first == daemon.url
    assert 1 <= len(lines) <= 3
    assert all(re.match(r"time=\S+Z level=(info|warning|error) msg=", line) for line in lines)
