"""Positions of projections in the cluster: those of this node, and those that the other nodes report.

Reports of other nodes come from ZooKeeper and are up to a second old. Without ZooKeeper only the rows of this node are
known.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Any

from midonet.events.errors import Unavailable
from midonet.services.cluster.coordination import Coordination
from midonet.services.cluster.node_presence import nodes

_CONNECT_SECONDS = 0.5
_LINEARIZABLE_SECONDS = 0.25
"""Concurrent requests read ZooKeeper once."""


class OtherNodes:
    """Reports of the other nodes on their projections. Thread-safe."""

    def __init__(self, coordination: Coordination) -> None:
        self._coordination = coordination
        self._lock = Lock()
        self._read_at = 0.0
        self._known: Sequence[Mapping[str, Any]] = ()

    def report(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return a row for each node and projection, of one projection or of all."""
        return [
            {"name": each, "node": node["node"], **reported}
            for node in self._nodes()
            for each, reported in sorted(_projections_of(node).items())
            if name in (None, each)
        ]

    def _nodes(self) -> Sequence[Mapping[str, Any]]:
        with self._lock:
            if monotonic() - self._read_at > _LINEARIZABLE_SECONDS:
                self._known, self._read_at = self._read(), monotonic()
            return self._known

    def _read(self) -> Sequence[Mapping[str, Any]]:
        coordination = self._coordination
        if coordination.session is None:
            return ()
        with suppress(Unavailable):
            coordination.client.connect(_CONNECT_SECONDS)
            found = nodes(coordination.client, coordination.root)
            return [node for node in found if node["alive"] and node["node"] != coordination.node]
        return ()


def _projections_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    found = node.get("projections")
    return found if isinstance(found, dict) else {}


def rows(own: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], node: str) -> list[dict[str, Any]]:
    """Return a row for each target of this node, then one for each other node and projection."""
    return [*({**row, "node": node} for row in own), *map(dict, others)]


def reached(own: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the position of a projection by target or node; pure.

    A target has one writer. This node has the positions of the targets for which it is the standby. If other nodes
    write more targets than these, their reports are included. Without any writer all known rows are included.
    """
    found = {str(row["target"]): int(row["position"]) for row in own}
    standby = sum(row.get("role") == "standby" for row in own)
    writers = [row for row in others if row.get("writing")]
    if sum(int(row["writing"]) for row in writers) > standby:
        return found | _by_node(writers)
    return found or _by_node(others)


def _by_node(reported: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {f"node {row['node']}": int(row.get("position", 0)) for row in reported}
