"""Real servers for the tests, started when the first test asks and shared until the last; and the order of the tests.

Each worker of a parallel run has servers of its own, so a test may kill or freeze them. It leaves them serving again.
A test without its server fails. See docs/testing.md.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from midonet.events.vault.encryption import new_key
from midonet.testbed import Kafka, OvsdbServer, Postgres, ZooKeeper

_LOCKS = Path(__file__).resolve().parents[1] / ".cache"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a parallel run start with the slow tests, so that none is left over at the end; `alone` comes last."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: 2 if is_alone(item) else 0 if item.get_closest_marker("slow") else 1)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test marked `alone` while the other workers pause; the wait does not count towards its timeout."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    with ExitStack() as stack:
        with locked("gate", fcntl.LOCK_EX):  # held while waiting: no other test starts meanwhile
            stack.enter_context(locked("busy", fcntl.LOCK_EX if is_alone(item) else fcntl.LOCK_SH))
        return (yield)


def is_alone(item: pytest.Item) -> bool:
    """Whether the test bears no other test beside it."""
    return item.get_closest_marker("alone") is not None


@contextmanager
def locked(name: str, kind: int) -> Iterator[None]:
    """Hold a lock that all workers share, exclusively or with others."""
    with (_LOCKS / f"tests.{name}").open("a") as file:
        fcntl.flock(file, kind)
        yield


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
