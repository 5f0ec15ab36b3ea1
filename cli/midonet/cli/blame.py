"""`midoctl blame`: who wrote what an object is now, field by field."""

import click

from midonet.cli import output
from midonet.cli.command import REF, command
from midonet.cli.completion import complete_any
from midonet.cli.session import Session
from midonet.cli.settings import READ
from midonet.events.history import Names, word
from midonet.events.model import kind_of
from midonet.events.queries import Written, names_of
from midonet.events.queries import blame as blamed

__all__ = ["blame"]


@command(
    "blame",
    click.Argument(["ref"], type=REF, metavar="REF", shell_complete=complete_any),
    shared=READ,
    examples="""  midoctl blame web/p1
  midoctl blame bridge/web --at 12 -o json | jq '.[] | select(.field == "tenant")'""",
)
def blame(session: Session, ref: str) -> None:
    """Show for every field of an object its value, and who wrote it last, when and why.

    A deleted object is shown as it was. REF may be KIND/REF where a bridge and a router, say, have the same name.
    """
    names = names_of(session.moment.upto(session.records()))
    key = names.find(ref)
    rows = blamed(session.moment.upto(session.records()), key)
    session.print(
        rows,
        names=lambda: (row.field for row in rows),
        text=lambda: _table(rows, key.partition("/")[0], names),
    )


def _table(rows: list[Written], kind: str, names: Names) -> str:
    fields = kind_of(kind).fields
    told = [word(fields.get(row.field), row.value, names) for row in rows]
    return output.table(
        ["field", "value", "position", "time", "actor", "reason"],
        [
            [row.field, text, str(row.position), row.time, row.actor, row.reason or ""]
            for row, text in zip(rows, told, strict=True)
        ],
    )
