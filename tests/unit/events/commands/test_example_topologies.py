"""The topologies of MidoNet's functional tests, each one YAML file: they apply, export and apply again unchanged."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from world import World

from midonet.events.model import KINDS
from midonet.events.queries.export import documents

FOLDER = Path(__file__).parents[3] / "fixtures" / "topologies"
FILES = sorted(FOLDER.glob("*.yaml"))


def read(path: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(path.read_text())
    return loaded


def applied(*written: dict[str, Any]) -> World:
    world = World()
    world.apply(*written)
    return world


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_topology_applies_exports_and_applies_again_without_a_change(path: Path) -> None:
    world = applied(*read(path))
    assert world.apply(*read(path)).events == []
    assert world.apply(*reversed(read(path))).events == []
    exported = documents(world.topology)
    assert world.apply(*exported, prune=True).events == []
    copy = applied(*exported)
    assert documents(copy.topology) == exported
    assert copy.apply(*read(path), prune=True).events == []
    assert world.apply(prune=True).events
    assert len(world.topology) == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_order_of_documents_does_not_matter(path: Path) -> None:
    forth, back = applied(*read(path)), applied(*reversed(read(path)))
    assert [len(forth.topology.all(kind)) for kind in KINDS] == [len(back.topology.all(kind)) for kind in KINDS]


def test_vxlan_port_reference_applies_to_empty_log() -> None:
    world = applied(*read(FOLDER / "vxlan-gateway.yaml"))
    port = next(port for port in world.topology.all("port").values() if port.vtep)
    world.create("mac-entry", bridge=port.bridge, mac="02:00:00:00:00:09", port=port.id)
    world.create("chain", "behind")
    world.create("rule", chain="behind", action="drop", in_ports=[port.id])
    exported = documents(world.topology)
    assert documents(applied(*exported).topology) == exported


def test_all_kinds_appear() -> None:
    found = {entity.KIND for path in FILES for entity in applied(*read(path)).topology}
    assert found == set(KINDS)


def test_each_of_midonets_test_topologies_is_there() -> None:
    assert {path.stem for path in FILES} == {
        *("bgp", "bridge", "chains", "l2-gateway", "load-balancer"),
        *("mirroring", "nat-router", "qos", "router", "vxlan-gateway"),
    }
