"""The places, on shared servers: one tree, view or switch for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from places import Place, SqlPlace, SwitchPlace, ZooKeeperPlace
from vtep_switch import VtepSwitch

from midonet.testbed import ZooKeeper, ZooKeeperEnsemble


@pytest.fixture(scope="session")
def shared_switch() -> Iterator[VtepSwitch]:
    """One switch for all tests of this suite."""
    with VtepSwitch() as switch:
        yield switch


@pytest.fixture(scope="session")
def quorum() -> Iterator[ZooKeeperEnsemble]:
    """Three ZooKeeper servers."""
    with ZooKeeperEnsemble() as ensemble:
        yield ensemble


@pytest.fixture(params=["zookeeper", "quorum", "ovsdb", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, zk_root: str, tmp_path: Path) -> Iterator[Place]:
    """A place with nothing of ours in it."""
    find = request.getfixturevalue

    def zookeeper() -> Place:
        server: ZooKeeper = find("zookeeper")
        return ZooKeeperPlace(server.hosts, zk_root)

    makers: dict[str, Callable[[], Place]] = {
        "zookeeper": zookeeper,
        "quorum": lambda: ZooKeeperPlace(find("quorum").hosts, zk_root),
        "ovsdb": lambda: SwitchPlace(find("shared_switch")),
        "sqlite": lambda: SqlPlace(f"sqlite:///{tmp_path}/views.db"),
        "postgresql": lambda: SqlPlace(find("postgres_url")),
    }
    made = makers[request.param]()
    yield made
    made.close()
