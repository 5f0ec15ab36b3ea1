"""What the agent says of itself, in one immutable value, and the forms that others want it in.

Pure: a page that is served and a line that is logged are functions of the status alone.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from midonet.agent.host.interfaces import State
from midonet.agent.view.snapshot import Snapshot
from midonet.events.model import plain
from midonet.events.model.port import Port


class Process(Struct, frozen=True, kw_only=True):
    """Which agent it is, for as long as the process lives."""

    host: str
    hostname: str
    pid: int
    version: str
    started: str
    """RFC 3339, UTC."""
    zookeeper: str
    root: str


class Status(Struct, frozen=True, kw_only=True):
    """The state of an agent at one moment."""

    process: Process
    connected: bool = False
    since: str
    """When it became connected or disconnected, RFC 3339."""
    trouble: str | None = None
    """Why it is not connected."""
    registered: bool = False
    rival: str | None = None
    """Who holds this host's place among the living."""
    snapshot: Snapshot | None = None
    checkpoint: int = 0
    """Position up to which the view is built, as far as is known here."""
    waiting: str | None = None
    """Why the snapshot is not the newest."""
    problems: Mapping[str, str] = {}
    """What is wrong with what cannot be understood, by path."""
    bound: tuple[Port, ...] = ()
    """The ports that are bound to this host."""
    interfaces: Mapping[str, State] = {}
    active: frozenset[str] = frozenset()
    """Ids of the ports of which others are told that they carry traffic."""
    documents: int = 0
    reads: int = 0
    reconnects: int = 0

    @property
    def position(self) -> int:
        """The applied position, 0 before the first."""
        return self.snapshot.position if self.snapshot else 0

    @property
    def lag(self) -> int:
        """Commits that the view has and the snapshot has not."""
        return max(0, self.checkpoint - self.position)


def reasons(status: Status) -> list[str]:
    """Return why the agent is not ready, nothing if it is."""
    found = []
    if not status.connected:
        found.append(f"disconnected since {status.since}: {status.trouble}")
    elif not status.registered:
        found.append(f"host {status.process.host} is registered by {status.rival or 'nobody yet'}")
    if status.snapshot is None:
        found.append(f"no topology yet: {status.waiting or 'it is being read'}")
    return found


def notes(status: Status) -> list[str]:
    """Return what an operator should know of an agent that does its work all the same."""
    found = [f"{path}: {problem}" for path, problem in status.problems.items()]
    if status.snapshot is not None and not status.snapshot.in_topology:
        found.append(f"host {status.process.host} is not in the topology yet")
    if status.snapshot is not None and status.waiting is not None:
        found.append(f"position {status.position} is kept: {status.waiting}")
    return found


def report(status: Status) -> dict[str, Any]:
    """Return all that the agent knows, as JSON values."""
    snapshot = status.snapshot
    return {
        **msgspec.to_builtins(status.process),
        "connected": status.connected,
        "since": status.since,
        "registered": status.registered,
        "ready": not reasons(status),
        "reasons": reasons(status),
        "notes": notes(status),
        "generation": snapshot and snapshot.generation,
        "position": status.position,
        "hash": snapshot and snapshot.hash,
        "checkpoint": status.checkpoint,
        "in_topology": snapshot is not None and snapshot.in_topology,
        "documents": status.documents,
        "counts": snapshot.counts() if snapshot else {},
        "ports": _ports(status),
        "objects": _objects(snapshot) if snapshot else {},
    }


def _objects(snapshot: Snapshot) -> dict[str, Any]:
    return {
        kind: {object_id: plain(entity) for object_id, entity in objects.items()}
        for kind, objects in snapshot.objects.items()
        if objects
    }


def _ports(status: Status) -> list[dict[str, Any]]:
    return [
        {
            "id": port.id,
            "name": port.name,
            "device": _device(status, port),
            "interface": port.interface,
            "state": status.interfaces.get(port.interface or "", "absent"),
            "active": port.id in status.active,
        }
        for port in sorted(status.bound, key=lambda port: port.interface or "")
    ]


def _device(status: Status, port: Port) -> str:
    kind, device = ("bridge", port.bridge) if port.bridge else ("router", port.router or "")
    entity = status.snapshot.of(kind).get(device) if status.snapshot else None
    return f"{kind} {entity.name if entity and entity.name else device}"


class _Metric(NamedTuple):
    name: str
    kind: str
    help: str
    value: float


def metrics(status: Status) -> str:
    """Return the metrics in Prometheus' text format 0.0.4."""
    found = (
        _Metric("connected", "gauge", "Whether ZooKeeper answers.", status.connected),
        _Metric("registered", "gauge", "Whether this host is registered by this agent.", status.registered),
        _Metric("applied_position", "gauge", "Position of the topology that is held.", status.position),
        _Metric("lag_events", "gauge", "Commits that the view has and the agent has not.", status.lag),
        _Metric("documents", "gauge", "Documents of the view that are held.", status.documents),
        _Metric("bad_documents", "gauge", "Documents that cannot be understood.", len(status.problems)),
        _Metric("active_ports", "gauge", "Ports that carry traffic here.", len(status.active)),
        _Metric("reads_total", "counter", "Nodes read from ZooKeeper.", status.reads),
        _Metric("reconnects_total", "counter", "Connections to ZooKeeper after the first.", status.reconnects),
    )
    return "".join(
        f"# HELP midonet_agent_{name} {text}\n# TYPE midonet_agent_{name} {kind}\nmidonet_agent_{name} {value:d}\n"
        for name, kind, text, value in found
    )


def lines(before: Status, after: Status) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield what is worth a line in the journal, with level and values: each change of state once."""
    if before.connected != after.connected or (after.trouble and not before.trouble):
        yield _connection(after)
    if not before.registered and after.registered:
        yield logging.INFO, "registered", {"host": after.process.host}
    if after.rival and before.rival != after.rival:
        yield logging.WARNING, "this host's id is in use; waiting until it is free", {"by": after.rival}
    for path in after.problems.keys() - before.problems.keys():
        yield (
            logging.ERROR,
            "unusable document, its last good state is kept",
            {"path": path, "reason": after.problems[path]},
        )
    for path in before.problems.keys() - after.problems.keys():
        yield logging.INFO, "document is usable again", {"path": path}
    if after.snapshot and (before.snapshot is None or before.snapshot.in_topology != after.snapshot.in_topology):
        message = "host is in the topology" if after.snapshot.in_topology else "host is not in the topology yet"
        yield logging.INFO, message, {"host": after.process.host, "position": after.position}


def _connection(status: Status) -> tuple[int, str, dict[str, Any]]:
    if status.connected:
        return logging.INFO, "connected to ZooKeeper", {"servers": status.process.zookeeper}
    fields = {"servers": status.process.zookeeper, "reason": status.trouble, "kept_position": status.position}
    return logging.WARNING, "ZooKeeper is away; what is known is kept", fields
