"""A view, and agents that read it, for each test its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from agents import AgentProcess, ViewWriter

from midonet.testbed import ZooKeeper


@pytest.fixture
def host() -> str:
    """Identity of a host that only this test knows."""
    return str(uuid4())


@pytest.fixture
def writer(zookeeper: ZooKeeper, zk_root: str) -> Iterator[ViewWriter]:
    """The view of this test, with nothing in it."""
    writer = ViewWriter(zookeeper.hosts, zk_root)
    yield writer
    writer.close()


@pytest.fixture
def start(zookeeper: ZooKeeper, zk_root: str) -> Iterator[Callable[..., AgentProcess]]:
    """Start an agent of a host on the view of this test, with further options."""
    with ExitStack() as stack:

        def start(host: str, *options: str) -> AgentProcess:
            agent = AgentProcess(zookeeper.hosts, zk_root, host, "--session-timeout", "2", *options)
            stack.callback(agent.close)
            return agent

        yield start
