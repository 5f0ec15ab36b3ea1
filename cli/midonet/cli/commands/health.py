"""`midoctl health`: state of the underlay links between hosts, as their agents report it."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from midonet.cli.framework.command import command
from midonet.cli.output import output
from midonet.cli.session.facts_source import facts_of
from midonet.cli.session.session import Session


@command(
    "health",
    click.Option(["--down"], is_flag=True, help="Only links that are down."),
    examples="""  midoctl health --zookeeper 127.0.0.1:2181
  midoctl health --down -o json""",
)
def health(session: Session, *, down: bool) -> None:
    """Show which hosts reach each other through the underlay.

    Agents in the same tunnel zone probe each other. A link that goes down repeatedly is flapping, and counts as down
    until it has been stable for a while.
    """
    from midonet.projections.facts import UnderlayHealth
    from midonet.projections.facts.underlay_links import isolated, links

    with facts_of(session) as facts:
        found = links(facts.all(UnderlayHealth))
    hosts = session.state.topology().all("host")
    names = {host: entity.name or host for host, entity in hosts.items()}
    lost = isolated(found)
    rows = [
        {
            "source": names.get(link.source, link.source),
            "target": names.get(link.target, link.target),
            "address": link.address,
            "state": "up" if link.up else "flapping" if link.flapping else "down",
            "since": link.since,
            "rtt_ms": link.rtt_ms,
        }
        for link in found
        if not (down and link.up)
    ]
    session.output.print(
        {"cut_off": [names.get(host, host) for host in lost], "ways": rows},
        names=lambda: [f"{row['source']} {row['target']}" for row in rows],
        text=lambda: _table(rows),
    )
    if not found:
        session.output.note("no host reports underlay links")
    for host in lost:
        session.output.note(f"host {names.get(host, host)} is isolated: no host reaches it")


_COLUMNS = ("source", "target", "address", "state", "since", "rtt ms")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [["" if value is None else str(value) for value in row.values()] for row in rows]
    return output.table(_COLUMNS, cells) if cells else ""
