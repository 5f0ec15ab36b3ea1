"""`midoctl audit`: denied requests, which are not on the log."""

import click

from midonet.cli.framework.command import command, group
from midonet.cli.output import output
from midonet.cli.session.accounts import Accounts
from midonet.cli.session.session import Session


@command(
    "denied",
    click.Option(["-n", "limit"], type=click.IntRange(1, 1000), default=20, help="How many: 20."),
    examples="  midoctl audit denied --server https://cluster:8181",
)
def _denied(session: Session, limit: int) -> None:
    """Show the denied requests of this node, the last one first. The log of the daemon has all of them."""
    found = Accounts(session).denials(limit)
    rows = [
        (one["time"], one["actor"], one["address"], f"{one['method']} {one['path']}", str(one["times"]), one["reason"])
        for one in found
    ]
    columns = ["time", "actor", "address", "request", "times", "reason"]
    session.output.print(found, names=lambda: [row[1] for row in rows], text=lambda: output.table(columns, rows))


audit = group("audit", _denied, about="Show denied requests. Accepted ones are in `midoctl log`.")
