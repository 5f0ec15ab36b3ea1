"""`midoctl blame`: the commit that last wrote each field of an object."""

import click

from midonet.cli.framework.command import REF, command
from midonet.cli.framework.completion import complete_any
from midonet.cli.options.options import READ
from midonet.cli.output import output
from midonet.cli.session.session import Session
from midonet.events.commit import Record
from midonet.events.model import kind_of
from midonet.events.queries.log_filter import Written
from midonet.events.queries.log_filter import blame as blamed
from midonet.events.queries.names import Names, format_value, names_of
from midonet.projections.history_index.names import NamesAt
from midonet.projections.history_index.reader import IndexReader


@command(
    "blame",
    click.Argument(["ref"], type=REF, metavar="REF", shell_complete=complete_any),
    shared=READ,
    examples="""  midoctl blame web/p1
  midoctl blame bridge/web --at 12 -o json | jq '.[] | select(.field == "tenant")'""",
)
def blame(session: Session, ref: str) -> None:
    """Show for every field of an object its value, and who wrote it last, when and why.

    A deleted object is shown as it was. REF may be KIND/REF if objects of several kinds have the name.
    """
    key, names, records = session.state.query(
        lambda past: _looked_up(session, past, ref), lambda: _scanned(session, ref)
    )
    rows = blamed(records, key)
    session.output.print(
        rows,
        names=lambda: (row.field for row in rows),
        text=lambda: _table(rows, key.partition("/")[0], names),
    )


def _looked_up(session: Session, past: IndexReader, ref: str) -> tuple[str, Names, list[Record]]:
    """Return the key of `ref`, the names, and the commits on the object, from the index."""
    upto = session.state.moment.position_in(past)
    names = NamesAt(past, upto)
    key = names.find(ref)
    return key, names, [past.record(position) for position in past.touching(key, upto)]


def _scanned(session: Session, ref: str) -> tuple[str, Names, list[Record]]:
    """Return as `_looked_up`, from a scan of the log."""
    names = names_of(session.state.commits())
    return names.find(ref), names, list(session.state.commits())


def _table(rows: list[Written], kind: str, names: Names) -> str:
    fields = kind_of(kind).fields
    values = [format_value(fields.get(row.field), row.value, names) for row in rows]
    return output.table(
        ["field", "value", "position", "time", "actor", "reason"],
        [
            [row.field, text, str(row.position), row.time, row.actor, row.reason or ""]
            for row, text in zip(rows, values, strict=True)
        ],
    )
