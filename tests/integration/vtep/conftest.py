"""A switch for each test; the tests' own connections are closed before it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vtep_site import Site
from vtep_switch import VtepSwitch

from midonet.projections.ovsdb import Client
from midonet.projections.vtep import VtepTarget


@pytest.fixture
def switch() -> Iterator[VtepSwitch]:
    with VtepSwitch() as server:
        yield server


@pytest.fixture
def connect(switch: VtepSwitch) -> Iterator[Callable[..., Client]]:
    """Return what makes clients of the switch."""
    clients: list[Client] = []

    def make(address: tuple[str, int] | str | None = None, **settings: Any) -> Client:
        clients.append(Client(address or switch.tcp, **settings))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def targets(switch: VtepSwitch) -> Iterator[Callable[..., VtepTarget]]:
    """Return what makes targets of the switch."""
    made: list[VtepTarget] = []

    def make(**settings: Any) -> VtepTarget:
        made.append(VtepTarget(*switch.tcp, **settings))
        return made[-1]

    yield make
    for target in made:
        target.close()


@pytest.fixture
def target(targets: Callable[..., VtepTarget]) -> VtepTarget:
    return targets()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A log, without running projections for its switches."""
    made = Site(f"sqlite:///{tmp_path}/log.db")
    yield made
    made.stop()
    made.store.log.close()
