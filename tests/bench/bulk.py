"""A data centre in one YAML file: `midoctl apply`, one commit, until all views have reached its position."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import yaml
from figures import Row, duration
from fleet import Fleet, design
from load import directory

from midonet.testbed import ZooKeeper

__all__ = ["bulk"]

_MIDOCTL = Path(sys.executable).with_name("midoctl")


def bulk(*, quick: bool) -> Iterator[Row]:
    """From the start of `midoctl` until a witness has seen each view at the position of the commit."""
    ports = 500 if quick else 5_000
    with ExitStack() as stack:
        place, zookeeper = stack.enter_context(directory()), stack.enter_context(ZooKeeper())
        fleet = Fleet(stack, place, zookeeper, ports=0)
        fleet.await_views()
        file = place / "design.yaml"
        file.write_text(yaml.dump_all(design(ports, fleet.ovsdb)))
        before = len(fleet.store.topology)
        applied, seen = _apply(fleet, file)
        fleet.store.refresh()
        yield Row(
            name=f"apply of {len(fleet.store.topology) - before:,} objects until in both views and at the agent",
            ours=duration(seen),
            note=f"midoctl apply itself: {duration(applied)}",
        )


def _apply(fleet: Fleet, file: Path) -> tuple[float, float]:
    """Return the seconds until midoctl ended, and until every host had the change."""
    position = fleet.store.topology.head.position + 1
    sightings = [*fleet.expect_views(position), fleet.expect_agent(position)]
    start = perf_counter()
    command: list[str | Path] = [_MIDOCTL, "--server", fleet.store.log.url, "apply", "-f", file]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    applied = perf_counter() - start
    return applied, max(sighting.since(start) for sighting in sightings)
