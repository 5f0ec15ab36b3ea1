"""Why the daemon is not ready: the reasons that `/readyz`, `/status` and the node summary show. Pure.

Ready means that this node can serve. A switch that is not reachable is no reason: its state is in the metrics and in
`/status`.
"""

from midonet.services.runtime.projection_report import ProjectionReport
from midonet.services.telemetry.overview import Overview


def reasons(now: Overview) -> list[str]:
    """Return why the daemon is not ready; empty if it is."""
    found = [] if now.services else ["no service is installed"]
    if now.log_error is not None:
        found.append(f"log: {now.log_error}")
    elif not now.caught_up:
        found.append(f"log: it is being read, position {now.head.position} so far")
    found += [f"node: {now.node_error}"] if now.node_error is not None else []
    found += [f"service {service.name}: {service.reason}" for service in now.services if not service.healthy]
    found += [_describe(report) for report in now.projections if report.essential and not report.ready]
    return found


def _describe(report: ProjectionReport) -> str:
    behind = f"{report.lag_events} commits ({report.lag_seconds:.0f} s) behind" if report.lag_events else ""
    state = ", ".join(filter(None, [f"is {report.state}", behind, report.last_error]))
    return f"projection {report.name} on {report.target} {state}"
