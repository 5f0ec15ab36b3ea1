"""Output of `midoctl` without a command: the log, its objects, the last commits, the positions of views."""

from collections.abc import Iterator, Mapping
from typing import Any

from midonet.cli.output import output
from midonet.cli.output.progress import progress
from midonet.cli.session.invocation import Invocation
from midonet.cli.session.log_reader import log_exists
from midonet.cli.session.session import Session
from midonet.events.commit import Commit
from midonet.events.errors import MidonetError
from midonet.events.log import Log
from midonet.events.model import KINDS
from midonet.events.redaction import redact
from midonet.events.topology.topology import Topology

_LAST = 5
"""Commits that are shown."""
_COLUMNS = ("position", "time", "actor", "command", "reason")


def overview(invocation: Invocation) -> None:
    """Print address and end of the log, objects, tags and the last commits; with `--zookeeper` also the views."""
    with Session(invocation) as session:
        there = log_exists(session.url)
        topology = session.state.topology() if there else Topology()
        value = _value(session, topology)
        if session.output.form == "table":
            output.write(_text(value))
        views = _views(session, topology) if there else []
        if session.output.form == "table":
            output.write(_views_text(views)) if views else None
        else:
            session.output.print({**value, "views": views}, names=lambda: [str(value["server"])], text=str)
        if not topology.head.position:
            session.output.note("the log is empty; start with `midoctl bridge create web` and see `midoctl --help`")


def _value(session: Session, topology: Topology) -> dict[str, Any]:
    head = topology.head
    return {
        "server": redact(session.url),
        "position": head.position,
        "time": head.time or None,
        "objects": _counts(session, topology),
        "tags": {name: tag.position for name, tag in topology.tags.items()},
        "last": [_summary(commit) for commit in _last(session, topology)] if head.position else [],
    }


def _counts(session: Session, topology: Topology) -> dict[str, int]:
    if session.cluster is not None:
        from midonet.cli.session.remote_topology import counts_of

        return counts_of(session.cluster)
    return {kind: len(topology.all(kind)) for kind in KINDS if topology.all(kind)}


def _last(session: Session, topology: Topology) -> Iterator[Commit]:
    """Yield the last commits."""
    store = session.state.shell_store()
    log: Log = store.log if store is not None else session.log.open()
    end = topology.head.position
    for record in log.read(log.head_at(max(end - _LAST, 0))):
        yield record.commit
        if record.commit.position == end:
            return


def _summary(commit: Commit) -> dict[str, Any]:
    return {
        "position": commit.position,
        "time": commit.time,
        "actor": commit.actor,
        "command": commit.command.name,
        "reason": commit.reason,
    }


def _text(value: Mapping[str, Any]) -> str:
    position = f"{value['position']}" + (f" ({value['time']})" if value["time"] else "")
    rows = [("log", value["server"]), ("position", position)]
    if value["objects"]:
        rows.append(("objects", ", ".join(f"{kind} {count:,}" for kind, count in value["objects"].items())))
    if value["tags"]:
        rows.append(("tags", ", ".join(f"{name} {position}" for name, position in value["tags"].items())))
    last = [[str(commit[column] or "") for column in _COLUMNS] for commit in value["last"]]
    return output.table([], rows) + ("\n\n" + output.table(_COLUMNS, last) if last else "")


def _views(session: Session, topology: Topology) -> list[dict[str, Any]]:
    """Return the positions of the views, if `--zookeeper` is given."""
    if session.settings.get("zookeeper") is None:
        return []
    from concurrent.futures import ThreadPoolExecutor

    from midonet.cli.session.wait import configured_views

    with progress("asking the views"), ThreadPoolExecutor() as pool:  # an unreachable server costs its time-out once
        return [
            row
            for rows in pool.map(lambda name: _view(session, topology, name), configured_views(session.settings))
            for row in rows
        ]


def _view(session: Session, topology: Topology, name: str) -> list[dict[str, Any]]:
    from midonet.cli.session.wait import view

    try:
        with view(name).open_reader(session, topology) as read:
            return [
                {"name": name, "target": target, "position": found.position, "trouble": found.trouble}
                for target, found in read().items()
            ]
    except MidonetError as error:
        return [{"name": name, "target": None, "position": None, "trouble": error.message}]


def _views_text(views: list[dict[str, Any]]) -> str:
    columns = ("name", "target", "position", "trouble")
    rows = [["" if row[column] is None else str(row[column]) for column in columns] for row in views]
    return "\n" + output.table(("view", *columns[1:]), rows)
