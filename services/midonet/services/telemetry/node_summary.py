"""Summary of a node for other nodes and `midoctl cluster status`. Pure.

It is small and changes rarely: seconds are integers, and all targets of a projection are one entry.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from midonet.services.cluster.coordination import Lease
from midonet.services.cluster.node_presence import Process
from midonet.services.runtime.projection_report import ProjectionReport
from midonet.services.telemetry.overview import Overview
from midonet.services.telemetry.readiness import reasons

_MAX_REASONS = 20
_MAX_TEXT = 500
_MAX_ITEMS = 1000


def node_summary(now: Overview, process: Process, leases: Mapping[str, Sequence[Lease]]) -> dict[str, Any]:
    """Return process, services, projections and leases of a node as JSON values."""
    return {
        "node": now.node,
        **msgspec.to_builtins(process),
        "position": now.head.position,
        "reasons": [text[:_MAX_TEXT] for text in reasons(now)[:_MAX_REASONS]],
        "clock_error": _short(now.clock_error),
        "services": {
            each.name: {
                "state": each.state,
                "healthy": each.healthy,
                "reason": _short(each.reason),
                "restarts": each.restarts,
                "last_error": _short(each.last_error),
            }
            for each in now.services
        },
        "projections": _by_name(now.projections),
        "owns": {name: _epochs(held) for name, held in leases.items() if held},
        "owned": {name: len(held) for name, held in leases.items() if held},
    }


def _epochs(held: Sequence[Lease]) -> dict[str, int]:
    """Return the epochs of the first items by name; a ZooKeeper node must stay below 1 MiB."""
    return {lease.item: lease.epoch for lease in sorted(held)[:_MAX_ITEMS]}


def _by_name(reports: Iterable[ProjectionReport]) -> dict[str, Any]:
    ordered = sorted(reports, key=lambda report: report.name)
    return {name: _summarize(list(group)) for name, group in groupby(ordered, key=lambda report: report.name)}


def _summarize(reports: Sequence[ProjectionReport]) -> dict[str, Any]:
    """Return the targets of one projection as one entry, with the worst value of each field."""
    return {
        "targets": len(reports),
        "live": sum(report.state == "live" for report in reports),
        "writing": sum(report.role == "writing" for report in reports),
        "position": min(report.position for report in reports),
        "lag_events": max(report.lag_events for report in reports),
        "lag_seconds": int(max(report.lag_seconds for report in reports)),
        "last_error": _short(next((report.last_error for report in reports if report.last_error), None)),
    }


def _short(text: str | None) -> str | None:
    return text[:_MAX_TEXT] if text else None
