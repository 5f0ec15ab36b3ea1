"""`midoctl service`: which services there are, and letting them run or not, by commands on the log like all others."""

from collections.abc import Mapping
from typing import Any

import click

from midonet.cli import output
from midonet.cli.cluster import told
from midonet.cli.command import Group, command
from midonet.cli.session import Session
from midonet.cli.settings import READ, WRITE
from midonet.cli.text import closest
from midonet.events.command import Enable
from midonet.events.controls import ServiceControl
from midonet.events.errors import MidonetError
from midonet.events.notes import Note

__all__ = ["service"]

_NAME = click.Argument(["name"])
_NODE = click.Option(
    ["--node"], metavar="N", help="On this node only; without it, on all that have no word of their own."
)


@command(
    "list",
    shared=READ,
    examples="""  midoctl service list
  midoctl service list --at 1 -o json
  midoctl service list --zookeeper 127.0.0.1:2181""",
)
def _list(session: Session) -> None:
    """List the services that are installed here or run in the cluster, and whether they are to run.

    With --zookeeper or --cluster also their state on every node.
    """
    noted = session.topology().noted
    states = _states(session)
    names = sorted(
        {*_installed(), *states, *(note.name for note in noted.values() if isinstance(note, ServiceControl))}
    )
    rows = [_row(name, noted, states.get(name, {})) for name in names]
    session.print(
        rows,
        names=lambda: names,
        text=lambda: output.table(["service", "enabled", "on nodes", "state"], [_cells(row) for row in rows]),
    )


@command(
    "enable",
    _NAME,
    _NODE,
    shared=WRITE,
    examples="""  midoctl service enable vtep
  midoctl service enable vtep --node n1 -m "ticket 7\"""",
)
def _enable(session: Session, name: str, node: str | None) -> None:
    """Let a service run; the nodes obey within seconds."""
    _set(session, name, node, enabled=True)


@command(
    "disable",
    _NAME,
    _NODE,
    shared=WRITE,
    examples="""  midoctl service disable vtep --node n1
  midoctl service disable vtep -m "ticket 7\"""",
)
def _disable(session: Session, name: str, node: str | None) -> None:
    """Stop a service, and keep it stopped; what it has written stays as it is. The nodes obey within seconds."""
    _set(session, name, node, enabled=False)


def _set(session: Session, name: str, node: str | None, *, enabled: bool) -> None:
    session.write(f"service.{'enable' if enabled else 'disable'}", [Enable(name, node, enabled)])
    if name not in (installed := _installed()):
        session.note(f"no service {name!r} is installed here{closest(name, installed)}; nodes that have it will obey")


def _installed() -> list[str]:
    from importlib.metadata import entry_points

    return [entry.name for entry in entry_points(group="midonet.services")]


def _states(session: Session) -> dict[str, dict[str, str]]:
    """Return the state of each service by node, if an option says where to ask and somebody answers."""
    if not (session.settings.get("cluster") or session.settings.get("zookeeper")):
        return {}
    try:
        nodes = told(session.settings)
    except MidonetError as error:
        session.note(f"states are not known: {error.message}")
        return {}
    found: dict[str, dict[str, str]] = {}
    for node in nodes:
        for name, service in (node.get("services") or {}).items():
            found.setdefault(name, {})[node["node"]] = service["state"]
    return found


def _row(name: str, noted: Mapping[str, Note], states: Mapping[str, str]) -> dict[str, Any]:
    controls = [note for note in noted.values() if isinstance(note, ServiceControl) and note.name == name]
    return {
        "name": name,
        "enabled": next((control.enabled for control in controls if control.node is None), True),
        "on_nodes": {control.node: control.enabled for control in controls if control.node is not None},
        "states": dict(states),
    }


def _cells(row: Mapping[str, Any]) -> list[str]:
    own = ", ".join(f"{node}: {_word(enabled)}" for node, enabled in sorted(row["on_nodes"].items()))
    states = ", ".join(f"{node}: {state}" for node, state in sorted(row["states"].items()))
    return [row["name"], _word(row["enabled"]), own, states]


def _word(enabled: bool) -> str:  # noqa: FBT001 - one cell
    return "enabled" if enabled else "disabled"


_COMMANDS = {"list": _list, "enable": _enable, "disable": _disable}
service = Group(
    "service",
    sections={"Commands": {name: found.get_short_help_str(90) for name, found in _COMMANDS.items()}},
    load=lambda name: _COMMANDS[name],
    help="The services of the cluster: which there are, and whether they run.",
)
