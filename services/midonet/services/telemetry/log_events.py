"""Log lines for projections whose state changed between two overviews. Pure."""

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

from midonet.services.runtime.projection_report import ProjectionReport
from midonet.services.telemetry.overview import Overview


class LogEvent(NamedTuple):
    """One log line."""

    level: int
    message: str
    fields: dict[str, Any]


def log_events(before: Overview, after: Overview) -> Iterator[LogEvent]:
    """Yield a log line for each projection whose state changed, except for a short lag."""
    known = {(report.name, report.target): report for report in before.projections}
    for report in after.projections:
        old = known.get((report.name, report.target))
        if report.state != (old.state if old else None) and not _is_routine(old, report):
            yield _log_event(report)


def _is_routine(old: ProjectionReport | None, new: ProjectionReport) -> bool:
    """Whether a view only follows the log, or has just started to."""
    if new.state == "live":
        return old is not None and old.state == "catching-up" and old.ready
    return new.state in ("catching-up", "rebuilding")


def _log_event(report: ProjectionReport) -> LogEvent:
    level = logging.INFO if report.state in ("live", "paused") else logging.ERROR
    fields = {"projection": report.name, "target": report.target, "position": report.position}
    return LogEvent(level, f"projection {report.state}", {**fields, "error": report.last_error})
