"""The views made from the log: which there are, how far they are behind, and waiting for them."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import click
import msgspec

from midonet.cli import output
from midonet.cli.command import Group, command
from midonet.cli.session import Session
from midonet.cli.waiting import VIEWS, Found, await_views, seconds, view
from midonet.events.errors import NotFound, UsageError
from midonet.events.topology import Topology

__all__ = ["projection", "wait"]

_NAMES = click.Choice(list(VIEWS))
_COLUMNS = ("name", "target", "state", "position", "lag_events", "lag_seconds", "last_error")


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
        help="Position to wait for; the end of the log if absent.",
    ),
    click.Option(["--timeout"], metavar="S", default="30", show_default=True, help="Seconds to wait."),
    examples="""  midoctl wait --for nsdb --for vtep --timeout 10
  midoctl wait --for agents --position 12""",
)
def wait(session: Session, names: Sequence[str], position: int | None, timeout: str) -> None:
    """Wait until views show a position of the log; exit 6 if they do not in time."""
    topology = session.topology()
    wanted = topology.head.position if position is None else position
    reached = await_views(session, topology, wanted, dict.fromkeys(names, seconds(timeout)))
    session.print(
        {"position": wanted, "views": reached},
        names=lambda: reached,
        text=lambda: "\n".join(f"{name} is at position {at}" for name, at in reached.items()),
    )


@command("list", examples="  midoctl projection list -o json")
def _list(session: Session) -> None:
    """List the views and what each of them is."""
    session.print(
        [{"name": name, "help": found.help} for name, found in VIEWS.items()],
        names=lambda: VIEWS,
        text=lambda: output.table(["name", "what it is"], [(name, found.help) for name, found in VIEWS.items()]),
    )


@command(
    "status",
    click.Argument(["name"], required=False, type=_NAMES),
    examples="""  midoctl projection status
  midoctl projection status vtep -o json
  midoctl projection status --cluster http://127.0.0.1:8181""",
)
def _status(session: Session, name: str | None) -> None:
    """Show how far the views are, as their targets say, and how many events behind the log.

    With --cluster also what a running midonet-cluster says: its state, lag in seconds and last error.
    """
    url = session.settings.get("cluster") or (session.url if session.cluster is not None else None)
    rows = _told(url) if url else _seen(session, name)
    rows = [row for row in rows if name in (None, row["name"])]
    columns = [column for column in _COLUMNS if any(column in row for row in rows)]
    session.print(
        rows,
        names=lambda: [str(row["name"]) for row in rows],
        text=lambda: output.table(
            [column.replace("_", " ") for column in columns],
            [[_cell(row.get(column)) for column in columns] for row in rows],
        ),
    )


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _seen(session: Session, name: str | None) -> list[dict[str, Any]]:
    """Return what the targets say."""
    topology = session.topology()
    return [{"name": one, **row} for one in ([name] if name else VIEWS) for row in _look(session, topology, one)]


def _look(session: Session, topology: Topology, name: str) -> list[dict[str, Any]]:
    try:
        with view(name).looking(session.settings, topology) as look:
            return [_row(topology.head.position, target, found) for target, found in look().items()]
    except UsageError as error:
        return [_row(0, None, Found(None, error.message))]


def _row(head: int, target: str | None, found: Found) -> dict[str, Any]:
    lag = None if found.position is None else max(0, head - found.position)
    return {"target": target, "position": found.position, "lag_events": lag, "last_error": found.trouble}


def _told(url: str) -> list[Mapping[str, Any]]:
    """Return what a cluster says."""
    from midonet.events.log.http_client import ApiClient

    with closing(ApiClient(url)) as client:
        status = msgspec.json.decode(client.get("/status").body)
    rows = status.get("projections") if isinstance(status, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NotFound("what answers there is no midonet-cluster: it tells no projections")
    return rows


_COMMANDS = {"list": _list, "status": _status}
projection = Group(
    "projection",
    sections={"Commands": {name: found.get_short_help_str(90) for name, found in _COMMANDS.items()}},
    load=lambda name: _COMMANDS[name],
    help="The views made from the log: which there are, and how far they are.",
)
