"""The state of the agent as one immutable value, and its forms: report, readiness, metrics, log lines. Pure."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from midonet.agent.host.interfaces import State
from midonet.agent.view.snapshot import Snapshot
from midonet.events.model import plain
from midonet.events.model.port import Port


class Process(Struct, frozen=True, kw_only=True):
    """What does not change while the agent's process lives."""

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
    """Since when it has been connected or disconnected, RFC 3339."""
    trouble: str | None = None
    """Why it is not connected."""
    registered: bool = False
    other_agent: str | None = None
    """The process that registered this host, if it is another one."""
    snapshot: Snapshot | None = None
    checkpoint: int = 0
    """Position of the newest checkpoint read."""
    waiting: str | None = None
    """Why the snapshot is older than the checkpoint."""
    problems: Mapping[str, str] = {}
    """Why paths of the view are unreadable, by path."""
    bound: tuple[Port, ...] = ()
    """The ports that are bound to this host."""
    interfaces: Mapping[str, State] = {}
    active: frozenset[str] = frozenset()
    """Ids of the ports that are reported as active."""
    documents: int = 0
    reads: int = 0
    reconnects: int = 0

    @property
    def position(self) -> int:
        """Position of the snapshot, 0 without one."""
        return self.snapshot.position if self.snapshot else 0

    @property
    def lag(self) -> int:
        """Number of commits between the snapshot and the checkpoint."""
        return max(0, self.checkpoint - self.position)


def reasons(status: Status) -> list[str]:
    """Return why the agent is not ready; empty if it is."""
    found = []
    if not status.connected:
        found.append(f"disconnected since {status.since}: {status.trouble}")
    elif not status.registered:
        other = f"registered by {status.other_agent}" if status.other_agent else "not registered yet"
        found.append(f"host {status.process.host} is {other}")
    if status.snapshot is None:
        found.append(f"no topology yet: {status.waiting or 'it is being read'}")
    return found


def notes(status: Status) -> list[str]:
    """Return warnings for operators that do not affect readiness."""
    found = [f"{path}: {problem}" for path, problem in status.problems.items()]
    if status.snapshot is not None and not status.snapshot.in_topology:
        found.append(f"host {status.process.host} is not in the topology yet")
    if status.snapshot is not None and status.waiting is not None:
        found.append(f"position {status.position} is kept: {status.waiting}")
    return found


def report(status: Status) -> dict[str, Any]:
    """Return the status and all objects of the snapshot, as JSON values."""
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


def metrics(status: Status) -> bytes:
    """Return the metrics in Prometheus' text format 0.0.4."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector

    gauge, counter = GaugeMetricFamily, CounterMetricFamily

    class StatusCollector(Collector):
        def collect(self) -> Iterator[Metric]:
            yield gauge("midonet_agent_connected", "Whether ZooKeeper answers.", status.connected)
            yield gauge("midonet_agent_registered", "Whether this agent registered its host.", status.registered)
            yield gauge("midonet_agent_applied_position", "Position of the snapshot.", status.position)
            yield gauge("midonet_agent_lag_events", "Commits between the snapshot and the checkpoint.", status.lag)
            yield gauge("midonet_agent_documents", "Documents of the view that are held.", status.documents)
            yield gauge("midonet_agent_bad_documents", "Documents that are unreadable.", len(status.problems))
            yield gauge("midonet_agent_active_ports", "Ports of this host that are active.", len(status.active))
            yield counter("midonet_agent_reads", "Nodes read from ZooKeeper.", status.reads)
            yield counter("midonet_agent_reconnects", "Connections to ZooKeeper after the first.", status.reconnects)

    registry = CollectorRegistry()
    registry.register(StatusCollector())
    return generate_latest(registry)


def changes(before: Status, after: Status) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield level, message and fields of a log line for each change of state."""
    if before.connected != after.connected or (after.trouble and not before.trouble):
        yield _connection(after)
    if not before.registered and after.registered:
        yield logging.INFO, "registered", {"host": after.process.host}
    if after.other_agent and before.other_agent != after.other_agent:
        yield logging.WARNING, "this host's id is in use; waiting until it is free", {"by": after.other_agent}
    for path in after.problems.keys() - before.problems.keys():
        fields = {"path": path, "reason": after.problems[path]}
        yield logging.ERROR, "unreadable document, its last readable content is used", fields
    for path in before.problems.keys() - after.problems.keys():
        yield logging.INFO, "document is readable again", {"path": path}
    if after.snapshot and (before.snapshot is None or before.snapshot.in_topology != after.snapshot.in_topology):
        message = "host is in the topology" if after.snapshot.in_topology else "host is not in the topology yet"
        yield logging.INFO, message, {"host": after.process.host, "position": after.position}


def _connection(status: Status) -> tuple[int, str, dict[str, Any]]:
    if status.connected:
        return logging.INFO, "connected to ZooKeeper", {"servers": status.process.zookeeper}
    fields = {"servers": status.process.zookeeper, "reason": status.trouble, "kept_position": status.position}
    return logging.WARNING, "ZooKeeper is unreachable; the last snapshot is kept", fields
