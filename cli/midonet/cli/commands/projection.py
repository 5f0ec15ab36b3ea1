"""`midoctl projection` and `wait`: the views of the log, their positions, drift and controls."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import click

from midonet.cli.framework.command import Command, Group, command, short_helps
from midonet.cli.options.options import WRITE
from midonet.cli.output import output
from midonet.cli.session.facts_source import servers
from midonet.cli.session.session import Session
from midonet.cli.session.view_status import view_status
from midonet.cli.session.wait import VIEWS, TargetPosition, await_views, configured_views, seconds, view
from midonet.cli.session.write import write
from midonet.events.commands.command import Op, Pause, Retry, Skip
from midonet.events.errors import MidonetError, UsageError
from midonet.events.topology.topology import Topology

_NAMES = click.Choice(list(VIEWS))
_KEPT = click.Choice([name for name in VIEWS if name != "agents"])
_COLUMNS = ("name", "target", "state", "role", "position", "lag_events", "lag_seconds")
_TROUBLE = ("repairs", "waiting", "last_error")
_INTERVAL = 0.3


@command(
    "wait",
    click.Option(
        ["--for", "names"],
        metavar="NAME",
        multiple=True,
        required=True,
        type=_NAMES,
        help="nsdb, vtep or agents (repeatable).",
    ),
    click.Option(
        ["--position"],
        metavar="N",
        type=click.IntRange(min=0),
        help="Position to wait for. Default: the end of the log.",
    ),
    click.Option(["--timeout"], metavar="S", default="30", show_default=True, help="Seconds to wait."),
    examples="""  midoctl wait --for nsdb --for vtep --timeout 10
  midoctl wait --for agents --position 12""",
)
def wait(session: Session, names: Sequence[str], position: int | None, timeout: str) -> None:
    """Wait until views reach a position of the log; exit 6 after the time-out."""
    topology = session.state.topology()
    wanted = topology.head.position if position is None else position
    reached = await_views(session, topology, wanted, dict.fromkeys(names, seconds(timeout)))
    session.output.print(
        {"position": wanted, "views": reached},
        names=lambda: reached,
        text=lambda: "\n".join(f"{name} is at position {at}" for name, at in reached.items()),
    )


@command("list", examples="  midoctl projection list -o json")
def _list(session: Session) -> None:
    """List the views with a description of each."""
    session.output.print(
        [{"name": name, "help": found.help} for name, found in VIEWS.items()],
        names=lambda: VIEWS,
        text=lambda: output.table(["name", "description"], [(name, found.help) for name, found in VIEWS.items()]),
    )


@command(
    "status",
    click.Argument(["name"], required=False, type=_NAMES),
    examples="""  midoctl projection status
  midoctl projection status vtep -o json
  midoctl projection status --cluster http://127.0.0.1:8181""",
)
def _status(session: Session, name: str | None) -> None:
    """Show the state and position of the views in their targets, and their lag behind the log.

    With --cluster as a running midonet-cluster reports it: also its role, repairs of drift, and errors.
    """
    url = session.cluster_url
    rows = _reported(url, "projections") if url else _read_targets(session, name)
    rows = [row for row in rows if name in (None, row["name"])]
    columns = [column for column in (*_COLUMNS, *_TROUBLE) if any(column in row for row in rows)]
    session.output.print(
        rows,
        names=lambda: [str(row["name"]) for row in rows],
        text=lambda: output.table(
            [column.replace("_", " ") for column in columns],
            [[_cell(row.get(column)) for column in columns] for row in rows],
        ),
    )


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):  # waiting keys, each with the reason
        return f"{len(value)} (-o json shows why)" if value else ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return "" if value is None else str(value)


def _read_targets(session: Session, name: str | None) -> list[dict[str, Any]]:
    """Return the status of views from their targets."""
    topology = session.state.topology()
    names = [name] if name else configured_views(session.settings)
    return [{"name": one, **row} for one in names for row in _read_view(session, topology, one)]


def _read_view(session: Session, topology: Topology, name: str) -> list[dict[str, Any]]:
    try:
        with view(name).open_reader(session, topology) as read:
            before = after = read()
            if any(0 < (found.position or 0) < topology.head.position for found in before.values()):
                time.sleep(_INTERVAL)
                after = read()
            return [
                view_status(session, topology, name, target, found, moves=found != before.get(target))
                for target, found in after.items()
            ]
    except UsageError as error:
        return [view_status(session, topology, name, None, TargetPosition(None, error.message), moves=False)]


def _reported(url: str, what: str) -> list[Mapping[str, Any]]:
    """Return a part of the status page of a cluster."""
    from midonet.cli.session.remote_topology import status_part

    return status_part(url, "/status", what, list[Mapping[str, Any]])


@command(
    "drift",
    click.Argument(["name"], required=False, type=_NAMES),
    click.Option(["-n", "--limit"], type=click.IntRange(min=1), metavar="N", help="Only the last N."),
    examples="""  midoctl projection drift
  midoctl projection drift nsdb -o json""",
)
def _drift(session: Session, name: str | None, limit: int | None) -> None:
    """Show drift: out-of-band changes to the views, which were reverted.

    Each with time, value found, value expected, and the commit of the expected value with its author. Who edited a view
    out of band is not recorded by the views, so it is unknown. Read from ZooKeeper; with
    --cluster, or without --zookeeper, the latest of one daemon.
    """
    wanted = [name] if name is not None else [view for view in VIEWS if view != "agents"]
    recorded = session.settings.get("zookeeper") and not session.settings.get("cluster")
    url = None if recorded else session.cluster_url
    found = [
        each
        for each in (_reported(url, "drift") if url else _recorded(session, wanted))
        if each["projection"] in wanted
    ]
    found = found[-limit:] if limit is not None else found
    commits = _commits(session, {each["position"] for each in found})
    rows = [
        {**each, "edited_by": "unknown", "command": None, "actor": None, **commits.get(each["position"], {})}
        for each in found
    ]
    session.output.print(
        rows,
        names=lambda: [str(row["key"]) for row in rows],
        text=lambda: (
            output.table(list(_DRIFT.values()), [[_short(row[column]) for column in _DRIFT] for row in rows])
            if rows
            else ""
        ),
    )
    if not rows:
        session.output.note(f"no drift {'is known to that daemon' if url else 'on record'}")


_DRIFT = {
    "time": "time",
    "projection": "projection",
    "key": "key",
    "edited_by": "edited by",
    "found": "found",
    "expected": "expected",
    "position": "expected since",
    "command": "by command",
    "actor": "of",
    "kind": "kind",
    "target": "target",
}
"""Columns with their titles; `actor` wrote the value that is expected, not the one that was found."""
_CELL = 60


def _short(value: Any) -> str:
    text = _cell(value)
    return text if len(text) <= _CELL else f"{text[:_CELL]}…"


def _recorded(session: Session, names: Sequence[str]) -> list[Mapping[str, Any]]:
    from contextlib import closing

    from msgspec import to_builtins

    from midonet.projections.zookeeper.drift_ledger import DriftLedger

    with closing(DriftLedger(servers(session.settings), session.settings.get("root"))) as ledger:
        return [to_builtins(repair) for repair in ledger.read(names)]


def _commits(session: Session, positions: Collection[int]) -> dict[int, dict[str, str]]:
    """Return actor and command of these commits; empty if the log cannot be read."""
    try:
        log = session.log.open() if positions else None
        records = [next(log.read(log.head_at(at - 1)), None) for at in positions if at > 0] if log else []
    except MidonetError:
        return {}
    commits = [record.commit for record in records if record is not None]
    return {commit.position: {"command": commit.command.name, "actor": commit.actor} for commit in commits}


def _control(name: str, text: str, op: Callable[[str], Op], examples: str) -> Command:
    """Return a command that writes a control of a projection to the log."""

    def work(session: Session, projection: str) -> None:
        write(session, f"projection.{name}", [op(projection)])

    work.__doc__ = text
    return command(name, click.Argument(["projection"], metavar="NAME", type=_KEPT), shared=WRITE, examples=examples)(
        work
    )


_pause = _control(
    "pause",
    "Pause updates of a view until `resume`.\n\n"
    "A commit on the log: effective on every node within a second, and after restarts.",
    Pause,
    """  midoctl projection pause vtep -m "firmware upgrade of tor1" """,
)
_resume = _control(
    "resume",
    "Resume updates of a paused view.\n\nAll changes since the pause are written.",
    lambda name: Pause(name, paused=False),
    "  midoctl projection resume vtep",
)


@command(
    "skip",
    click.Argument(["projection"], metavar="NAME", type=_KEPT),
    click.Argument(["key"]),
    shared=WRITE,
    examples="  midoctl projection skip nsdb models/bridge/6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01",
)
def _skip(session: Session, projection: str, key: str) -> None:
    """Skip updates of one KEY of a view until `retry`.

    The other keys are updated. `projection status --cluster URL -o json` and `projection drift` show keys.
    """
    write(session, "projection.skip", [Skip(projection, key)])


@command(
    "retry",
    click.Argument(["projection"], metavar="NAME", type=_KEPT),
    click.Argument(["key"], required=False),
    shared=WRITE,
    examples="  midoctl projection retry nsdb",
)
def _retry(session: Session, projection: str, key: str | None) -> None:
    """Retry parked or skipped keys: one KEY, or all."""
    write(session, "projection.retry", [Retry(projection, key)])


def _load(name: str) -> click.Command:
    if name == "rebuild":
        from midonet.cli.commands.rebuild import rebuild

        return rebuild
    return next(one for one in _COMMANDS if one.name == name)


_COMMANDS = (_list, _status, _drift, _pause, _resume, _skip, _retry)

projection = Group(
    "projection",
    sections={
        "Commands": {
            **short_helps(_COMMANDS),
            "rebuild": "Rebuild a view from the log, report differences, and switch to it.",
        }
    },
    load=_load,
    help="Show and control the views of the log: status, drift, pause, rebuild.",
)
