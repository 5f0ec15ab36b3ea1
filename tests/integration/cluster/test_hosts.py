"""Live agents get host objects, containers get hosts, and dead hosts are logged, with one or several daemons."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from agents import AgentProcess
from clustered import Scene
from waiting import eventually

from midonet.events.commands.command import AddItem
from midonet.events.commit import Commit
from midonet.events.model.service_container import container_interface
from midonet.projections.facts import LastSeen
from midonet.projections.facts.reader import FactsReader
from midonet.testbed import Kafka, ZooKeeper

Make = Callable[..., Scene]
Start = Callable[..., AgentProcess]

PATIENT = 60.0
"""Seconds; the machine may be busy."""


@pytest.fixture
def start(zookeeper: ZooKeeper, zk_root: str) -> Iterator[Start]:
    """Start the agent of a host."""
    with ExitStack() as stack:

        def start(host: str, *options: str) -> AgentProcess:
            agent = AgentProcess(zookeeper.hosts, zk_root, host, "--session-timeout", "2", *options)
            stack.callback(agent.close)
            return agent

        yield start


@pytest.fixture
def stage(scene: Make) -> Scene:
    return scene()


def hosts(stage: Scene) -> dict[str, Any]:
    stage.store.refresh()
    return dict(stage.store.topology.all("host"))


def commits(stage: Scene) -> list[Commit]:
    return [record.commit for record in stage.store.log.read()]


def registered(stage: Scene, *ids: str) -> bool:
    return set(ids) <= hosts(stage).keys()


def test_live_agent_gets_its_host(stage: Scene, start: Start) -> None:
    first, second = sorted(str(uuid4()) for _ in range(2))
    start(first)
    daemon = stage.daemon()
    eventually(partial(registered, stage, first), PATIENT)
    (commit,) = commits(stage)
    assert (commit.channel, commit.command.name) == ("service:hosts", "host.register")
    assert commit.actor.startswith("midonet-cluster@")
    assert commit.reason == f"its agent lives on {hosts(stage)[first].name}"

    start(second)
    eventually(partial(registered, stage, second), PATIENT)
    hostname = hosts(stage)[first].name
    assert hosts(stage)[second].name == f"{hostname}-{second[:8]}"

    stage.set("host", first, name="renamed")
    stage.delete("host", second)
    eventually(partial(registered, stage, second), PATIENT)
    assert hosts(stage)[first].name == "renamed"
    assert daemon.has_logged("host is registered")
    eventually(lambda: daemon.status()["details"]["hosts"].keys() == {first, second}, PATIENT)
    assert "midonet_hosts_alive 2.0\n" in daemon.get("/metrics")[1]


def test_killed_agent_is_dead_within_its_session(stage: Scene, start: Start, zk_root: str) -> None:
    host = str(uuid4())
    agent = start(host)
    daemon = stage.daemon()
    eventually(partial(registered, stage, host), PATIENT)
    agent.kill()
    eventually(lambda: daemon.has_logged("host is dead"), PATIENT)
    with FactsReader(stage.hosts, zk_root) as facts:
        eventually(lambda: facts.get_many(LastSeen, [host]).get(host, LastSeen()).time, PATIENT)
    assert registered(stage, host), "a host is never removed"
    start(host)
    eventually(lambda: daemon.has_logged("host is alive"), PATIENT)
    stage.delete("host", host)
    with FactsReader(stage.hosts, zk_root) as facts:
        eventually(lambda: host not in facts.all(LastSeen), PATIENT)


def test_two_daemons_register_a_host_once(stage: Scene, start: Start) -> None:
    for daemon in (stage.absent(), stage.absent()):
        daemon.launch()
    ids = [str(uuid4()) for _ in range(4)]
    for host in ids:
        start(host)
    eventually(partial(registered, stage, *ids), PATIENT)
    assert len(hosts(stage)) == 4
    assert len({host.name for host in hosts(stage).values()}) == 4
    events = [event.type for commit in commits(stage) for event in commit.events]
    assert events == ["host.created"] * 4


def test_no_host_is_dead_without_zookeeper(scene: Make, start: Start) -> None:
    del start
    with ZooKeeper() as server:
        stage = scene(hosts=server.hosts)
        host = str(uuid4())
        agent = AgentProcess(server.hosts, stage.root, host)
        try:
            daemon = stage.daemon()
            eventually(partial(registered, stage, host), PATIENT)
            server.kill()
            eventually(lambda: daemon.has_logged("cannot act for now"), PATIENT)
            assert not daemon.has_logged("host is dead")
            server.start()
            eventually(
                lambda: {each["name"]: each["healthy"] for each in daemon.status()["services"]}["hosts"], PATIENT
            )
        finally:
            agent.close()


@pytest.mark.slow
def test_hosts_are_registered_on_a_kafka_log(scene: Make, start: Start, kafka: Kafka, kafka_topic: str) -> None:
    stage = scene(f"kafka://{kafka.bootstrap}/{kafka_topic}")
    stage.create("bridge", name="web")
    for daemon in (stage.absent("--container-grace", "1"), stage.absent("--container-grace", "1")):
        daemon.launch()
    host = str(uuid4())
    start(host)
    eventually(partial(registered, stage, host), PATIENT)
    _, port = network(stage, [host])

    def bound() -> bool:
        stage.store.refresh()
        return bool(stage.store.topology.get("port", port).host == host)

    eventually(bound, PATIENT)
    assert [commit.channel for commit in commits(stage)].count("service:containers") == 1
    assert [commit.channel for commit in commits(stage)].count("service:hosts") == 1


def network(stage: Scene, hosts: Sequence[str]) -> tuple[str, str]:
    """Put the hosts in a zone and make a container with its port; return the ids of both."""
    zone = stage.create("tunnel-zone", name="underlay")
    members = ({"host": host, "address": f"172.16.0.{number}"} for number, host in enumerate(hosts, 1))
    stage.run(*(AddItem("tunnel-zone", zone, "members", member) for member in members))
    router = stage.create("router", name="edge")
    port = stage.create("port", router=router)
    group = stage.create("service-container-group", name="vpns", policy="least")
    return stage.create("service-container", service_group=group, service_type="ipsec", port=port), port


@pytest.mark.slow
def test_container_moves_when_its_host_dies(stage: Scene, start: Start) -> None:
    agents = {host: start(host) for host in (str(uuid4()), str(uuid4()))}
    daemons = [stage.daemon("--container-grace", "1"), stage.absent("--container-grace", "1")]
    daemons[1].launch()
    eventually(partial(registered, stage, *agents), PATIENT)
    container, port = network(stage, list(agents))

    def place() -> Any:
        stage.store.refresh()
        return stage.store.topology.get("port", port)

    eventually(lambda: place().host, PATIENT)
    first = place().host
    assert place().interface == container_interface(port)
    agents[first].kill()
    eventually(lambda: place().host not in (None, first), PATIENT)
    assert place().previous_host == first
    decisions = [commit for commit in commits(stage) if commit.channel == "service:containers"]
    assert [commit.command.name for commit in decisions] == ["service-container.place"] * 2
    assert [[event.type for event in commit.events] for commit in decisions] == [["port.bound"]] * 2
    stage.delete("service-container", container)
    assert place().host is None
