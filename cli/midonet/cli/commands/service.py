"""`midoctl service`: list, enable and disable services; daemons follow within a second."""

from collections.abc import Mapping
from typing import Any

import click

from midonet.cli.commands.cluster import read_nodes
from midonet.cli.framework.command import Command, command, group
from midonet.cli.options.options import WRITE
from midonet.cli.output import output
from midonet.cli.session.session import Session
from midonet.cli.session.write import write
from midonet.events.commands.command import Enable
from midonet.events.errors import NotFound, Unavailable
from midonet.events.system.control import ServiceControl
from midonet.events.system.objects import SystemObject, runs

_GROUP = "midonet.services"


def _installed() -> list[str]:
    from importlib.metadata import entry_points

    return sorted({entry.name for entry in entry_points(group=_GROUP)})


@command("list", shared=("at",), examples="  midoctl service list\n  midoctl service list --zookeeper 127.0.0.1:2181")
def _list(session: Session) -> None:
    """List the services that are installed here or named on the log, and whether they are enabled.

    With --zookeeper or --cluster also their state on every node.
    """
    noted = session.state.system_objects(session.state.moment)
    states = _states(session)
    controlled = {note.name for note in noted.values() if isinstance(note, ServiceControl)}
    rows = [_row(name, noted, states.get(name, {})) for name in sorted({*_installed(), *controlled, *states})]
    columns = ["name", "enabled", "nodes", *(["states"] if states else [])]
    session.output.print(
        rows,
        names=lambda: [str(row["name"]) for row in rows],
        text=lambda: output.table(columns, [[_cell(row[column]) for column in columns] for row in rows]),
    )


def _states(session: Session) -> Mapping[str, Mapping[str, str]]:
    """Return the state of each service by node; empty if no node can be asked."""
    if not (session.cluster_url or session.settings.get("zookeeper")):
        return {}
    try:
        nodes = read_nodes(session)
    except Unavailable as error:
        session.output.note(f"states are unknown: {error.message}")
        return {}
    found: dict[str, dict[str, str]] = {}
    for node in nodes:
        for name, service in (node.get("services") or {}).items():
            found.setdefault(name, {})[node["node"]] = service["state"]
    return found


def _row(name: str, noted: Mapping[str, SystemObject], states: Mapping[str, str]) -> dict[str, Any]:
    controls = (note for note in noted.values() if isinstance(note, ServiceControl) and note.name == name)
    nodes = {note.node: _word(note.enabled) for note in controls if note.node is not None}
    return {"name": name, "enabled": runs(noted, name), "nodes": nodes, "states": dict(states)}


def _word(enabled: bool) -> str:  # noqa: FBT001 - one value
    return "enabled" if enabled else "disabled"


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{node}: {word}" for node, word in sorted(value.items()))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _switch(verb: str, text: str, *, enabled: bool) -> Command:
    def work(session: Session, service: str, node: str | None, *, unknown: bool) -> None:
        if not unknown and service not in _installed():
            known = ", ".join(_installed())
            raise NotFound(
                f"no service {service!r} is installed here; installed are {known} (--unknown accepts others)",
                service=service,
            )
        write(session, f"service.{verb}", [Enable(service, node, enabled)])

    work.__doc__ = text
    return command(
        verb,
        click.Argument(["service"], metavar="NAME"),
        click.Option(["--node"], metavar="N", help="Only on this node (setting `node` of its daemon)."),
        click.Option(["--unknown"], is_flag=True, help="Accept a service that is installed on other nodes only."),
        shared=WRITE,
        examples=f"  midoctl service {verb} vtep\n  midoctl service {verb} vtep --node rack1",
    )(work)


_enable = _switch("enable", "Enable a service, on all nodes without a setting of their own or on one.", enabled=True)
_disable = _switch(
    "disable",
    "Disable a service, on all nodes without a setting of their own or on one. Views keep their rows.",
    enabled=False,
)

service = group("service", _list, _enable, _disable, about="List, enable and disable the services of the cluster.")
