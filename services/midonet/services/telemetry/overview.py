"""What the daemon knows of itself at one moment, and what follows from that: pages, readiness, lines in the journal.

Pure: everything here is a function of immutable values.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from midonet.events.commit import Head
from midonet.projections.engine.drift import DriftRecord
from midonet.services.runtime.projection_report import ProjectionReport, WriteMetrics
from midonet.services.runtime.supervisor import ServiceStatus


class Overview(Struct, frozen=True, kw_only=True):
    """The daemon at one moment."""

    node: str
    """Its name in the cluster."""
    node_error: str | None
    """Who else has that name, if so."""
    log: str
    """Its URL, without a password."""
    head: Head
    """The commit up to which it is read."""
    log_error: str | None
    caught_up: bool
    """Whether the end of the log was reached once."""
    services: tuple[ServiceStatus, ...]
    projections: tuple[ProjectionReport, ...]
    write_metrics: tuple[WriteMetrics, ...]
    """What each of the projections has cost, in the same order."""
    details: Mapping[str, Mapping[str, Any]] = {}
    """What services have to say of themselves, by name."""
    drift: tuple[DriftRecord, ...] = ()
    """What others did to the targets lately, and was put right."""


class LogEvent(NamedTuple):
    """Something that is worth a line in the journal."""

    level: int
    message: str
    fields: dict[str, Any]


def reasons(now: Overview) -> list[str]:
    """Return why the daemon is not ready; nothing if it is."""
    found = [] if now.services else ["no service is installed"]
    if now.log_error is not None:
        found.append(f"log: {now.log_error}")
    elif not now.caught_up:
        found.append(f"log: it is being read, position {now.head.position} so far")
    found += [f"node: {now.node_error}"] if now.node_error is not None else []
    found += [f"service {service.name}: {service.reason}" for service in now.services if not service.healthy]
    found += [f"{_target_label(report)} {_state_text(report)}" for report in now.projections if not report.ready]
    return found


def status_document(now: Overview) -> dict[str, Any]:
    """Return all of it as JSON values."""
    return {
        "node": now.node,
        "log": now.log,
        "log_error": now.log_error,
        "head": msgspec.to_builtins(now.head),
        "ready": not reasons(now),
        "reasons": reasons(now),
        "services": msgspec.to_builtins(now.services),
        "projections": msgspec.to_builtins(now.projections),
        "details": {name: dict(details) for name, details in now.details.items() if details},
        "drift": msgspec.to_builtins(now.drift),
    }


def log_events(before: Overview, after: Overview) -> Iterator[LogEvent]:
    """Yield a line for each projection whose state changed; a moment of lag is no change worth a word."""
    known = {(report.name, report.target): report for report in before.projections}
    for report in after.projections:
        old = known.get((report.name, report.target))
        if report.state != (old.state if old else None) and not _is_routine(old, report):
            yield _log_event(report)


def _is_routine(old: ProjectionReport | None, new: ProjectionReport) -> bool:
    """Whether a view does no more than follow the log, or has only begun to."""
    if new.state == "live":
        return old is not None and old.state == "catching-up" and old.ready
    return new.state in ("catching-up", "rebuilding")


def _log_event(report: ProjectionReport) -> LogEvent:
    level = logging.INFO if report.state in ("live", "paused") else logging.ERROR
    fields = {"projection": report.name, "target": report.target, "position": report.position}
    return LogEvent(level, f"projection {report.state}", {**fields, "error": report.last_error})


def _target_label(report: ProjectionReport) -> str:
    return f"projection {report.name} on {report.target}"


def _state_text(report: ProjectionReport) -> str:
    behind = f"{report.lag_events} commits ({report.lag_seconds:.0f} s) behind" if report.lag_events else ""
    return ", ".join(filter(None, [f"is {report.state}", behind, report.last_error]))
