"""Fixtures: a daemon with a log of its own per test; ZooKeeper is shared."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from clustered import Scene

from midonet.testbed import ZooKeeper


@pytest.fixture
def scene(zookeeper: ZooKeeper, zk_root: str, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Make a scene; by default on a SQLite log and the shared ZooKeeper. Nothing but the servers runs yet."""
    with ExitStack() as stack:

        def make(url: str | None = None, hosts: str | None = None) -> Scene:
            return stack.enter_context(Scene(url or f"sqlite:///{tmp_path}/log.db", hosts or zookeeper.hosts, zk_root))

        yield make
