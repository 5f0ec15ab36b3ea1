"""The document of `/status`. Pure."""

from typing import Any

import msgspec
from msgspec import Struct

from midonet.events.commit import Head
from midonet.projections.engine.drift import DriftRecord
from midonet.services.runtime.projection_report import ProjectionReport
from midonet.services.runtime.supervisor import ServiceStatus
from midonet.services.telemetry.overview import Overview
from midonet.services.telemetry.readiness import reasons


class StatusDocument(Struct, frozen=True, kw_only=True):
    """The state of the daemon of one node."""

    node: str
    log: str
    """URL of the log, without a password."""
    log_error: str | None
    clock_error: str | None
    head: Head
    ready: bool
    reasons: list[str]
    services: tuple[ServiceStatus, ...]
    projections: tuple[ProjectionReport, ...]
    details: dict[str, dict[str, Any]]
    """Details of the services, by name."""
    drift: tuple[DriftRecord, ...]
    """The newest drift records."""


def status_document(now: Overview) -> dict[str, Any]:
    """Return the state of the daemon as JSON values."""
    found = reasons(now)
    document = StatusDocument(
        node=now.node,
        log=now.log,
        log_error=now.log_error,
        clock_error=now.clock_error,
        head=now.head,
        ready=not found,
        reasons=found,
        services=now.services,
        projections=now.projections,
        details={name: dict(details) for name, details in now.details.items() if details},
        drift=now.drift,
    )
    return dict(msgspec.to_builtins(document))
