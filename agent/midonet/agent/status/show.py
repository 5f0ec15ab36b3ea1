"""`midonet-agent show`: prints the report of the running agent of this host."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from midonet.agent.status.server import ask
from midonet.events.errors import AmbiguousRef, Unavailable

_PATTERN = "agent-*.sock"


def fetch(directories: Sequence[Path], host: str | None) -> dict[str, Any]:
    """Return the report of the agent of `host`, by default of the only one that runs here.

    Raises `Unavailable` if none runs, `AmbiguousRef` if several do.
    """
    pattern = _PATTERN.replace("*", host or "*")
    reports = [report for directory in directories for path in directory.glob(pattern) if (report := _ask(path))]
    if not reports:
        whose = f"of host {host} " if host else ""
        raise Unavailable(f"no agent {whose}runs here (looked in {', '.join(map(str, directories))})")
    if len(reports) > 1:
        hosts = sorted(report["host"] for report in reports)
        raise AmbiguousRef(f"{len(hosts)} agents run here: choose one with --host-id", candidates=hosts)
    return reports[0]


def _ask(path: Path) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = msgspec.json.decode(ask(path, "/snapshot"))
    except Unavailable:
        return None  # the agent was killed
    return report


def form(report: Mapping[str, Any], name: str) -> str:
    """Return a report as `table`, `json` or `yaml`."""
    if name == "json":
        return msgspec.json.encode(report, order="sorted").decode()
    if name == "yaml":
        import yaml

        return yaml.safe_dump(dict(report), allow_unicode=True).rstrip()
    return "\n".join(_sections(report))


def _sections(report: Mapping[str, Any]) -> Iterator[str]:
    yield from _columns([(f"{name}:", value) for name, value in _summary(report)])
    yield from (f"note: {text}" for text in (*report["reasons"], *report["notes"]))
    if report["counts"]:
        yield ""
        yield from _columns([("KIND", "OBJECTS"), *((kind, str(n)) for kind, n in report["counts"].items())])
    if report["ports"]:
        yield ""
        yield from _columns([("PORT", "DEVICE", "INTERFACE", "STATE"), *map(_port, report["ports"])])


def _summary(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "host", f"{report['host']} ({report['hostname']})"
    yield "agent", f"{report['version']}, pid {report['pid']}, since {report['started']}"
    state = "connected" if report["connected"] else "disconnected"
    yield "zookeeper", f"{report['zookeeper']}{report['root']}, {state} since {report['since']}"
    yield "position", f"{report['position']} of {report['checkpoint']}, {report['documents']} documents"
    yield "hash", report["hash"] or "-"


def _port(port: Mapping[str, Any]) -> tuple[str, ...]:
    state = "active" if port["active"] else port["state"]
    return port["name"] or port["id"], port["device"], port["interface"], state


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
