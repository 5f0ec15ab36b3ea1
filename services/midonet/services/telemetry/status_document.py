"""The document of `/status`. Pure."""

from typing import Any

import msgspec

from midonet.services.telemetry.overview import Overview
from midonet.services.telemetry.readiness import reasons


def status_document(now: Overview) -> dict[str, Any]:
    """Return the state of the daemon as JSON values."""
    found = reasons(now)
    return {
        "node": now.node,
        "log": now.log,
        "log_error": now.log_error,
        "clock_error": now.clock_error,
        "head": msgspec.to_builtins(now.head),
        "ready": not found,
        "reasons": found,
        "services": msgspec.to_builtins(now.services),
        "projections": msgspec.to_builtins(now.projections),
        "details": {name: dict(details) for name, details in now.details.items() if details},
        "drift": msgspec.to_builtins(now.drift),
    }
