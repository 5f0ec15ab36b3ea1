"""The service `heartbeat`: the nodes of the cluster, whether they are up, and their lag.

Every node has a persistent record at `<root>/state/known/<node>`; the leader records there since when a node is down,
for `midoctl cluster status`. Every node exports the same as metrics.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from time import perf_counter
from typing import Annotated, Any

from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError
from msgspec import Struct

from midonet.events.commit import canonical
from midonet.events.model.fields import about
from midonet.events.timestamps import utc_now
from midonet.services.cluster.node_presence import decode, known_path, nodes
from midonet.services.runtime.context import Context
from midonet.services.runtime.periodic import Periodic

_CONNECT_SECONDS = 2.0


class Settings(Struct, frozen=True):
    """Settings below `services.heartbeat`."""

    period: Annotated[float, about("Seconds between two heartbeats.", ge=0.1, le=3600)] = 1.0


class HeartbeatService(Periodic):
    """Runs on every node."""

    settings = Settings

    def __init__(self, context: Context) -> None:
        super().__init__(context, context.config(Settings).period)
        metrics = context.metrics
        self._beats = metrics.counter("beats", "Heartbeats of this node that ZooKeeper answered.")
        self._seconds_taken = metrics.gauge("zookeeper_seconds", "Latency of the last heartbeat in seconds.")
        self._alive = metrics.gauge("node_alive", "Whether a node of the cluster is up.", ["node"])
        self._lag = metrics.gauge("node_lag_commits", "Commits that a node that is up has not read yet.", ["node"])
        self._known: dict[str, bool] = {}

    def run_once(self) -> None:
        """Read the summaries of all nodes, export metrics and log changes."""
        client, begun = self.context.coordination.client, perf_counter()
        client.connect(_CONNECT_SECONDS)
        found = nodes(client, self.context.settings.root)
        self._seconds_taken.set(perf_counter() - begun)
        self._beats.inc()
        self._write_record(found)
        self._report_changes({node["node"]: node for node in found})
        if self.lease is not None:
            for node in found:
                if not node["alive"] and node["gone"] is None:
                    self._record_gone(node)

    def _write_record(self, found: list[dict[str, Any]]) -> None:
        """Write the persistent record of this node, without `gone`."""
        here = next((node for node in found if node["node"] == self.context.node), None)
        if here is None or not here["alive"] or (here["known"] and here["gone"] is None):
            return
        client, path = self.context.coordination.client, known_path(self.context.settings.root, self.context.node)
        record = canonical({"http": here.get("http")})
        with client.failures(), suppress(NodeExistsError, NoNodeError, BadVersionError):
            if here["known"]:
                client.set(path, record)
            else:
                client.create(path, record, makepath=True)

    def _record_gone(self, node: Mapping[str, Any]) -> None:
        """Record that a node is down from now on."""
        client, path = self.context.coordination.client, known_path(self.context.settings.root, node["node"])
        now = utc_now("seconds")
        with client.failures(), suppress(NoNodeError, BadVersionError):
            data, stat = client.get(path)
            client.set(path, canonical({**decode(data), "gone": now}), stat.version)

    def _report_changes(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        head = max(map(_position, found.values()), default=0)
        for name, node in found.items():
            self._alive.labels(name).set(node["alive"])
            self._lag.labels(name).set(head - _position(node) if node["alive"] else 0)
            if self._known.get(name) not in (None, node["alive"]):
                level, word = (logging.INFO, "node is back") if node["alive"] else (logging.WARNING, "node is gone")
                self.context.log(level, word, node=name)
        for name in self._known.keys() - found.keys():
            self._alive.remove(name)
            self._lag.remove(name)
        self._known = {name: node["alive"] for name, node in found.items()}


def _position(node: Mapping[str, Any]) -> int:
    found = node.get("position")
    return found if isinstance(found, int) else 0
