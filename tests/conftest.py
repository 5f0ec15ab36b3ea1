"""Real servers for the tests, started when the first test asks and shared until the last.

A test that kills or freezes a shared server leaves it serving again. A test without its server fails.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from midonet.events.vault.encryption import new_key
from midonet.testbed import Kafka, OvsdbServer, Postgres, ZooKeeper


@pytest.fixture(scope="session")
def zookeeper() -> Iterator[ZooKeeper]:
    """One ZooKeeper server; tests keep apart by `zk_root`."""
    with ZooKeeper() as server:
        yield server


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One Kafka node; tests keep apart by `kafka_topic`."""
    with Kafka() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server; tests keep apart by `postgres_url`."""
    with Postgres() as server:
        yield server


@pytest.fixture
def zk_root() -> str:
    """Path of a tree that only this test uses; not created."""
    return f"/mn-{uuid4().hex}"


@pytest.fixture
def kafka_topic() -> str:
    """Name of a topic that only this test uses; not created."""
    return f"mn-{uuid4().hex}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """SQLAlchemy URL of an empty database that only this test uses."""
    return postgres.create_database()


@pytest.fixture
def ovsdb() -> Iterator[Callable[..., OvsdbServer]]:
    """Start an ovsdb-server for this test alone; arguments as `OvsdbServer`'s."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(OvsdbServer(*args, **kwargs))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A file with the key of a vault."""
    file = tmp_path / "key"
    file.write_text(f"{new_key()}\n")
    file.chmod(0o600)
    return file
