"""Loss of ZooKeeper never ends the agent and never costs it what it knows; when it is back, so is the agent."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest
from agents import AgentProcess, ViewWriter
from waiting import eventually

from midonet.events.model.bridge import Bridge
from midonet.testbed import ZooKeeper

Start = Callable[..., AgentProcess]

DOCUMENTS = {"bridge/x": [Bridge(id="b1", name="web")]}


@pytest.fixture(autouse=True)
def _serving_again(zookeeper: ZooKeeper) -> Iterator[None]:
    yield
    if zookeeper.running:
        zookeeper.thaw()
    zookeeper.start()


@pytest.fixture
def agent(writer: ViewWriter, start: Start, host: str) -> AgentProcess:
    agent = start(host)
    writer.commit(1, DOCUMENTS, {host: ["bridge/x"]})
    writer.switch()
    eventually(lambda: writer.applied(host) == 1)
    return agent


def goes_on(writer: ViewWriter, host: str) -> None:
    """Check that the agent is back: registered, and following changes."""
    eventually(lambda: writer.client.connected)
    position = max(1, writer.client.retry(writer.applied, host)) + 1
    writer.client.retry(writer.commit, position, {"bridge/x": [Bridge(id="b1", name="new")]}, {host: ["bridge/x"]})
    eventually(lambda: writer.client.retry(writer.applied, host) == position)


def keeps_what_it_knows(agent: AgentProcess) -> None:
    eventually(lambda: not agent.show()["connected"])
    shown = agent.show()
    assert shown["counts"] == {"bridge": 1}
    assert shown["position"] == 1
    assert not shown["ready"]
    assert shown["reasons"][0].startswith("disconnected since 2")


def test_killed_and_restarted(zookeeper: ZooKeeper, writer: ViewWriter, agent: AgentProcess) -> None:
    zookeeper.kill()
    keeps_what_it_knows(agent)
    time.sleep(3)
    zookeeper.start()
    goes_on(writer, agent.host)
    assert agent.logged("ZooKeeper is unreachable") == 1
    assert agent.logged("connected to ZooKeeper") == 2


def test_frozen_past_the_session_timeout(zookeeper: ZooKeeper, writer: ViewWriter, agent: AgentProcess) -> None:
    zookeeper.freeze()
    keeps_what_it_knows(agent)
    time.sleep(4)
    zookeeper.thaw()
    goes_on(writer, agent.host)
    assert agent.process.poll() is None


def test_a_session_that_expired_is_replaced(writer: ViewWriter, agent: AgentProcess) -> None:
    def session() -> int:
        stat = writer.client.exists(writer.paths.host_state(agent.host))
        return int(stat.ephemeralOwner) if stat else 0

    first = session()
    agent.process.send_signal(signal.SIGSTOP)  # SIGSTOP: the machine hangs longer than its session lasts
    eventually(lambda: session() == 0)
    agent.process.send_signal(signal.SIGCONT)
    eventually(lambda: session() not in (0, first))
    goes_on(writer, agent.host)


def test_absent_at_the_start(zookeeper: ZooKeeper, start: Start, writer: ViewWriter, host: str) -> None:
    zookeeper.kill()
    agent = start(host)
    eventually(lambda: agent.logged("ZooKeeper is unreachable"))
    assert agent.show()["reasons"][1] == "no topology yet: it is being read"
    zookeeper.start()
    eventually(lambda: writer.client.retry(writer.state, host))
    assert agent.logged("ZooKeeper is unreachable") == 1


@pytest.mark.parametrize("outage", ["frozen", "dead", "none"])
def test_sigterm_ends_it_within_seconds(zookeeper: ZooKeeper, agent: AgentProcess, outage: str) -> None:
    if outage == "frozen":
        zookeeper.freeze()
    elif outage == "dead":
        zookeeper.kill()
    begin = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - begin < 10
    assert agent.logged("Traceback") == 0
    assert agent.logged("msg=stopped") == 1
