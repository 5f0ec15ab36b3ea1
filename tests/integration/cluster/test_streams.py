"""A stream processor continues on another node from the checkpoint, and stale owners are fenced."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from clustered import Scene
from waiting import eventually

from midonet.events.log import open_log
from midonet.projections.zookeeper import Client
from midonet.services.streams.service import place_of
from midonet.testbed import Kafka
from midonet.testbed.cluster import ClusterDaemon

Make = Callable[..., Scene]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(params=["sqlite", "kafka"])
def stage(request: pytest.FixtureRequest, scene: Make, kafka_topic: str) -> Scene:
    if request.param == "sqlite":
        return scene()
    kafka: Kafka = request.getfixturevalue("kafka")
    return scene(f"kafka://{kafka.bootstrap}/{kafka_topic}")


@contextmanager
def client_of(stage: Scene) -> Iterator[Client]:
    client = Client(stage.hosts)
    client.connect(10)
    try:
        yield client
    finally:
        client.close()


def told(daemon: ClusterDaemon) -> dict[str, Any]:
    """Return what the service says on a node; nothing while the node is silent."""
    status, body = daemon.get("/status")
    found: dict[str, Any] = json.loads(body)["details"].get("activity", {}) if status == 200 else {}
    return found


def owner(*daemons: ClusterDaemon) -> ClusterDaemon | None:
    owners = [daemon for daemon in daemons if told(daemon).get("epoch") is not None]
    return owners[0] if len(owners) == 1 else None


def counted(stage: Scene, client: Client) -> tuple[int, Counter[str]]:
    """Return how many commits were counted, and by which command."""
    base = place_of(stage.root, "activity")
    days = client.get_children(base) if client.exists(base) else []
    documents = [json.loads(data) for data in client.read_many([f"{base}/{day}" for day in days]).values()]
    commands: Counter[str] = Counter()
    for each in documents:
        commands.update(each["commands"])
    return sum(each["commits"] for each in documents), commands


def in_the_log(stage: Scene) -> tuple[int, Counter[str]]:
    log = open_log(stage.url)
    commands = Counter(record.commit.command.name for record in log.read())
    log.close()
    return commands.total(), commands


def grow(stage: Scene, count: int = 20) -> None:
    for _ in range(count):
        stage.create("bridge")


def test_stream_continues_after_a_killed_node(stage: Scene) -> None:
    grow(stage)
    daemons = [stage.daemon("--node", name) for name in ("n1", "n2")]
    with client_of(stage) as client:
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)
        eventually(lambda: owner(*daemons), 30)
        first = owner(*daemons)
        assert first is not None
        (second,) = [daemon for daemon in daemons if daemon is not first]
        first.kill()
        grow(stage)
        eventually(lambda: told(second).get("epoch"), 60)
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)
        first.start()
        grow(stage)
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)


def test_frozen_owner_is_fenced(stage: Scene) -> None:
    grow(stage)
    daemons = [stage.daemon("--node", name) for name in ("n1", "n2")]
    epochs: list[int] = []
    with client_of(stage) as client:
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)
        client.DataWatch(place_of(stage.root, "activity"), lambda data, _: epochs.append(json.loads(data)["epoch"]))
        eventually(lambda: owner(*daemons), 30)
        first = owner(*daemons)
        assert first is not None
        (second,) = [daemon for daemon in daemons if daemon is not first]
        grow(stage, 3)
        first.freeze()
        grow(stage)
        eventually(lambda: told(second).get("epoch"), 60)
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)
        first.thaw()
        grow(stage)
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)
        eventually(lambda: owner(*daemons), 60)
        grow(stage)
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)
    assert epochs == sorted(epochs)
    assert len(set(epochs)) >= 2


def test_lost_checkpoint_restarts_the_stream(stage: Scene) -> None:
    grow(stage)
    stage.daemon("--node", "n1")
    with client_of(stage) as client:
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)
        grow(stage, 3)
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)
        client.delete(place_of(stage.root, "activity"), recursive=True)
        grow(stage, 1)  # Kafka's committed offset is beyond the new beginning
        eventually(lambda: counted(stage, client) == in_the_log(stage), 60)


def test_stream_waits_for_the_broker(scene: Make) -> None:
    with Kafka() as kafka:
        stage = scene(f"kafka://{kafka.bootstrap}/mn")
        grow(stage, 3)
        daemon = stage.daemon("--node", "n1")
        with client_of(stage) as client:
            eventually(lambda: counted(stage, client)[0] == 3, 60)
            kafka.kill()
            daemon.kill()
            daemon.start()
            eventually(lambda: daemon.get("/readyz")[0] == 503)
            kafka.start()
            grow(stage, 3)
            eventually(lambda: counted(stage, client)[0] == 6, 60)
            eventually(lambda: daemon.get("/readyz")[0] == 200, 60)
