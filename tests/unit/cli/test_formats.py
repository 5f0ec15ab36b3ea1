"""Applying an exported network changes nothing, on its own log and after an import into an empty log."""

from random import Random

import pytest
from random_commands import random_command
from world import World

from midonet.cli.output.formats import yaml_text
from midonet.events.errors import MidonetError
from midonet.events.queries.export import documents
from midonet.events.strict_yaml import parse


def random_world(seed: int) -> World:
    random, world = Random(seed), World()  # noqa: S311 - repeatable, not secret
    for _ in range(120):
        try:
            world.run(*random_command(random, world.topology).ops)
        except MidonetError:
            continue  # some are wrong on purpose
    return world


@pytest.mark.parametrize("seed", range(12))
def test_applying_an_export_changes_nothing(seed: int) -> None:
    world = random_world(seed)
    exported = documents(world.topology)
    (read,) = parse("export", yaml_text(exported).encode())
    assert read == exported
    assert world.apply(*read).events == []
    fresh = World()
    fresh.apply(*read)
    assert documents(fresh.topology) == exported
    assert fresh.apply(*read, prune=True).events == []


def test_an_export_is_readable() -> None:
    world = World()
    ports = [{"name": "p1"}, {"name": "p2", "admin_state_up": False}]
    world.apply(
        {"kind": "bridge", "name": "b1", "ports": ports, "macs": [{"mac": "02:00:00:00:00:01", "port": "b1/p1"}]},
        {"kind": "bridge", "name": "b2", "ports": [{"name": "p1", "peer": "edge/gw"}], "inbound_filter": "c"},
        {"kind": "router", "name": "edge", "ports": [{"name": "gw", "mac": "02:00:00:00:00:02"}]},
        {"kind": "chain", "name": "c", "rules": [{"action": "drop"}, {"action": "accept", "traversed_device": "b1"}]},
    )
    shown = [without_ids(document) for document in documents(world.topology)]
    assert shown == [
        {"kind": "bridge", "name": "b1", "ports": ports, "macs": [{"mac": "02:00:00:00:00:01", "port": "b1/p1"}]},
        {"kind": "bridge", "name": "b2", "inbound_filter": "c", "ports": [{"name": "p1", "peer": "gw"}]},
        {"kind": "router", "name": "edge", "ports": [{"name": "gw", "peer": "b2/p1", "mac": "02:00:00:00:00:02"}]},
        {
            "kind": "chain",
            "name": "c",
            "rules": [
                {"action": "drop"},
                {"action": "accept", "traversed_device": world.get("bridge", "b1").id},
            ],
        },
    ]


def without_ids(document: object) -> object:
    if isinstance(document, list):
        return [without_ids(item) for item in document]
    if isinstance(document, dict):
        return {key: without_ids(value) for key, value in document.items() if key != "id"}
    return document
