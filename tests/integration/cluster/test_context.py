"""An add-on that uses the whole context, on two nodes."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

from clustered import Scene
from waiting import eventually

from midonet.testbed.cluster import ClusterDaemon

Make = Callable[..., Scene]

PATROL = """
    import logging
    from contextlib import closing

    from msgspec import Struct

    from midonet.events.commands.command import Command, Create
    from midonet.services.runtime.service import Service


    class Settings(Struct, frozen=True):
        tenant: str


    class Patrol(Service):
        settings = Settings
        needs = ("nsdb",)

        def start(self):
            self.tenant = self.context.config(Settings).tenant
            self.owned = self.context.metrics.gauge("bridges", "Bridges that are patrolled here.")
            self.rounds = self.context.metrics.counter("changes", "Bridges gained and lost.", ["how"])
            self.ownership = self.context.ownership(self.gained, self.lost)
            self.leadership = self.context.leadership(self.led)
            self.context.feed.subscribe(self)
            self.ownership.start()
            self.leadership.start()
            with closing(self.context.zookeeper()) as client:
                client.connect(10)
                client.create(f"{self.context.settings.root}/patrol/{self.context.node}", makepath=True)

        def stop(self):
            self.context.feed.unsubscribe(self)
            self.ownership.stop()
            self.leadership.stop()

        def details(self):
            return {"owned": sorted(self.ownership.leases()), "leads": self.leadership.lease is not None}

        def attach(self, topology):
            self.bridges = set(topology.all("bridge"))
            self.ownership.set_items(self.bridges)

        def apply(self, changes):
            for change in changes:
                if change.kind == "bridge":
                    (self.bridges.discard if change.new is None else self.bridges.add)(change.id)
                    self.ownership.set_items(self.bridges)

        def wake(self):
            pass

        def gained(self, lease):
            self.owned.inc()
            self.rounds.labels("gained").inc()

        def lost(self, lease):
            self.owned.dec()
            self.rounds.labels("lost").inc()

        def led(self, lease):
            if lease is not None:
                command = Command("tenant.create", [Create("tenant", {"name": self.tenant})])
                result = self.context.execute(command, "the leader creates it", command_id=f"patrol-{self.tenant}")
                self.context.log(logging.INFO, "tenant made", position=result.position)
"""


def install(folder: Path) -> None:
    """Put the package into a folder, as pip would."""
    (folder / "patrol.py").write_text(dedent(PATROL))
    info = folder / "patrol-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: patrol\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[midonet.services]\npatrol = patrol:Patrol\n")


def told(daemon: ClusterDaemon) -> dict[str, Any]:
    status, body = daemon.get("/status")
    found: dict[str, Any] = json.loads(body)["details"].get("patrol", {}) if status == 200 else {}
    return found


def shown(daemon: ClusterDaemon, name: str) -> set[str]:
    """Return what a node says that it owns, as another one shows it."""
    nodes = {node["node"]: node for node in json.loads(daemon.get("/cluster")[1])["nodes"]}
    return set(nodes[name]["owns"].get("patrol", ()))


def test_add_on_has_the_full_context(scene: Make, tmp_path: Path) -> None:
    install(tmp_path)
    stage = scene()
    bridges = sorted(stage.create("bridge") for _ in range(5))
    options = ["--log", stage.url, "--zookeeper", stage.hosts, "--root", stage.root]
    options += ["--services", "{patrol: {tenant: acme}}"]
    environ = {"PYTHONPATH": str(tmp_path)}
    with (
        ClusterDaemon(*options, "--node", "n1", environ=environ) as first,
        ClusterDaemon(*options, "--node", "n2", environ=environ) as second,
    ):

        def owned(*daemons: ClusterDaemon) -> list[str]:
            return sorted(item for daemon in daemons for item in told(daemon).get("owned", ()))

        eventually(lambda: owned(first, second) == bridges and owned(first) and owned(second))
        eventually(lambda: sorted(told(each).get("leads", False) for each in (first, second)) == [False, True])
        eventually(lambda: [tenant.name for tenant in stage.rebuilt().all("tenant").values()] == ["acme"])
        share = len(told(first)["owned"])
        assert f"midonet_patrol_bridges {float(share)}" in first.get("/metrics")[1]
        eventually(lambda: shown(first, "n2") - {"leader"} == set(told(second)["owned"]))
        gone = bridges.pop()
        stage.delete("bridge", gone)
        eventually(lambda: owned(first, second) == bridges)
        second.kill()
        eventually(lambda: owned(first) == bridges and told(first)["leads"])
        assert len(stage.rebuilt().all("tenant")) == 1, "decided twice, done once"
        assert "Traceback" not in first.log.read_text()
