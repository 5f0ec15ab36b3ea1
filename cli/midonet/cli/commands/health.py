"""`midoctl health`: whether the hosts of a tunnel zone reach each other, as their agents see it now."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from midonet.cli.framework.command import command
from midonet.cli.output import output
from midonet.cli.session.session import Session
from midonet.cli.session.wait import servers


@command(
    "health",
    click.Option(["--down"], is_flag=True, help="Only the ways that are down."),
    examples="""  midoctl health --zookeeper 127.0.0.1:2181
  midoctl health --down -o json""",
)
def health(session: Session, *, down: bool) -> None:
    """Show which hosts reach each other through the underlay.

    Agents in the same tunnel zone probe each other. A way that goes down again and again is flapping: it counts as
    down until it has been quiet for a while.
    """
    from midonet.projections.facts import UnderlayHealth
    from midonet.projections.facts.reader import FactsReader
    from midonet.projections.facts.underlay_links import isolated, links

    with FactsReader(servers(session.settings), session.settings.get("root")) as facts:
        found = links(facts.all(UnderlayHealth))
    hosts = session.state.topology().all("host")
    names = {host: entity.name or host for host, entity in hosts.items()}
    lost = isolated(found)
    rows = [
        {
            "source": names.get(way.source, way.source),
            "target": names.get(way.target, way.target),
            "address": way.address,
            "state": "up" if way.up else "flapping" if way.flapping else "down",
            "since": way.since,
            "rtt_ms": way.rtt_ms,
        }
        for way in found
        if not (down and way.up)
    ]
    session.output.print(
        {"cut_off": [names.get(host, host) for host in lost], "ways": rows},
        names=lambda: [f"{row['source']} {row['target']}" for row in rows],
        text=lambda: _table(rows),
    )
    if not found:
        session.output.note("no host reports on its tunnel zone")
    for host in lost:
        session.output.note(f"nobody reaches host {names.get(host, host)}")


_COLUMNS = ("source", "target", "address", "state", "since", "rtt ms")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [["" if value is None else str(value) for value in row.values()] for row in rows]
    return output.table(_COLUMNS, cells) if cells else ""
