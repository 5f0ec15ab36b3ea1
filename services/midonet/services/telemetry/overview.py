"""The state of the daemon at one moment, from which status, readiness, metrics and log events are derived."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from midonet.events.commit import Head
from midonet.projections.engine.drift import DriftRecord
from midonet.services.runtime.projection_report import ProjectionReport, WriteMetrics
from midonet.services.runtime.supervisor import ServiceStatus


class Overview(Struct, frozen=True, kw_only=True):
    """State of the daemon at one moment."""

    node: str
    """Name of the node in the cluster."""
    node_error: str | None
    """The other process that uses this node's name, if any."""
    log: str
    """URL of the log, without a password."""
    head: Head
    """The last commit that the feed has read."""
    log_error: str | None
    clock_error: str | None = None
    """How this machine's clock and the time of the head contradict each other."""
    caught_up: bool
    """Whether the feed has reached the end of the log once."""
    services: tuple[ServiceStatus, ...]
    projections: tuple[ProjectionReport, ...]
    write_metrics: tuple[WriteMetrics, ...]
    """Metrics of the writes of each projection, in the same order."""
    details: Mapping[str, Mapping[str, Any]] = {}
    """Details of the services, by name."""
    drift: tuple[DriftRecord, ...] = ()
    """The newest drift records."""
