"""`midoctl service`: which services there are, and whether they are to run; the daemons obey within a second."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from midonet.cli import output
from midonet.cli.command import Command, Group, command
from midonet.cli.session import Session
from midonet.cli.settings import WRITE
from midonet.events.command import Enable
from midonet.events.controls import ServiceControl
from midonet.events.errors import NotFound
from midonet.events.notes import Note, runs

__all__ = ["service"]

_GROUP = "midonet.services"


def _installed() -> list[str]:
    from importlib.metadata import entry_points

    return sorted({entry.name for entry in entry_points(group=_GROUP)})


@command(
    "list", shared=("at",), examples="  midoctl service list\n  midoctl service list --cluster http://127.0.0.1:8181"
)
def _list(session: Session) -> None:
    """List the services that are installed here or spoken of on the log, and whether they are to run.

    With --cluster also how they do on that node.
    """
    noted = session.noted(session.moment)
    url = session.settings.get("cluster")
    doing = {str(each["name"]): each for each in _told(url)} if url else {}
    spoken_of = {note.name for note in noted.values() if isinstance(note, ServiceControl)}
    rows = [_row(name, noted, doing) for name in sorted({*_installed(), *spoken_of, *doing})]
    columns = ["name", "enabled", "nodes", *(["state", "reason"] if url else [])]
    session.print(
        rows,
        names=lambda: [str(row["name"]) for row in rows],
        text=lambda: output.table(columns, [[_cell(row.get(column)) for column in columns] for row in rows]),
    )


def _row(name: str, noted: Mapping[str, Note], doing: Mapping[str, Any]) -> dict[str, Any]:
    controls = (note for note in noted.values() if isinstance(note, ServiceControl) and note.name == name)
    nodes = {note.node: note.enabled for note in controls if note.node is not None}
    state = {field: doing[name].get(field) for field in ("state", "reason")} if name in doing else {}
    return {"name": name, "enabled": runs(noted, name), "nodes": nodes, **state}


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{node}: {'enabled' if enabled else 'disabled'}" for node, enabled in value.items())
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _told(url: str) -> Iterable[Mapping[str, Any]]:
    from midonet.cli.http import get_json

    status = get_json(f"{url.rstrip('/')}/status")
    services = status.get("services") if isinstance(status, dict) else None
    if not isinstance(services, list) or not all(isinstance(each, dict) and "name" in each for each in services):
        raise NotFound("what answers there is no midonet-cluster: it tells no services")
    return services


def _switch(verb: str, text: str, *, enabled: bool) -> Command:
    def work(session: Session, service: str, node: str | None, *, unknown: bool) -> None:
        if not unknown and service not in _installed():
            known = ", ".join(_installed())
            raise NotFound(
                f"no service {service!r} is installed here; there are {known} (--unknown allows others)",
                service=service,
            )
        session.write(f"service.{verb}", [Enable(service, node, enabled)])

    work.__doc__ = text
    return command(
        verb,
        click.Argument(["service"], metavar="NAME"),
        click.Option(["--node"], metavar="N", help="Only on this node (the setting `node` of its daemon)."),
        click.Option(["--unknown"], is_flag=True, help="Also a service that is installed on other nodes only."),
        shared=WRITE,
        examples=f"  midoctl service {verb} vtep\n  midoctl service {verb} vtep --node rack1",
    )(work)


_enable = _switch("enable", "Let a service run: on all nodes that have no word of their own, or on one.", enabled=True)
_disable = _switch(
    "disable",
    "Let a service end: on all nodes that have no word of their own, or on one. No view loses a row.",
    enabled=False,
)

_COMMANDS: Mapping[str, click.Command] = {"list": _list, "enable": _enable, "disable": _disable}
_load: Callable[[str], click.Command] = _COMMANDS.__getitem__
service = Group(
    "service",
    sections={"Commands": {name: found.get_short_help_str(90) for name, found in _COMMANDS.items()}},
    load=_load,
    help="The services of the cluster: which there are, and whether they are to run.",
)
