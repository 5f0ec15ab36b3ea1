"""A log in SQLite and its view in the shared ZooKeeper, for each test its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from projected import Projected

from midonet.testbed import ZooKeeper


@pytest.fixture
def projected(zookeeper: ZooKeeper, zk_root: str, tmp_path: Path) -> Iterator[Projected]:
    """A log and its view, without a running projection."""
    with Projected(f"sqlite:///{tmp_path}/log.db", zookeeper.hosts, zk_root) as made:
        yield made
