"""Check, before anything is written, that a server has the database that we mean.

The `ovs` package parses it; it is slow to import and needed once per connection, so it is imported here, late.
"""

from collections.abc import Iterator, Mapping, Sequence

from midonet.events.errors import Misconfigured, Rejected
from midonet.projections.ovsdb.client import Client

__all__ = ["check_schema"]


def check_schema(client: Client, database: str, columns: Mapping[str, Sequence[str]]) -> None:
    """Check that the server has the database with these columns by table; `Misconfigured` says what lacks."""
    databases = client.call("list_dbs", [])
    if database not in databases:
        have = ", ".join(databases) or "none"
        raise Misconfigured(f"{client.address} has no database {database}; it has {have}", databases=databases)
    lacking = list(_lacking(client, database, columns))
    if lacking:
        words = f"{database} on {client.address} lacks {', '.join(lacking)}"
        raise Misconfigured(words, database=database, lacking=lacking)


def _lacking(client: Client, database: str, columns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    from ovs.db.error import Error
    from ovs.db.schema import DbSchema

    try:
        schema = DbSchema.from_json(client.call("get_schema", [database]), allow_extensions=True)
    except (Error, Rejected) as error:
        words = f"{client.address} has a schema of {database} that cannot be read: {error}"
        raise Misconfigured(words, database=database) from None
    for table, names in columns.items():
        have = schema.tables[table].columns if table in schema.tables else {}
        yield from (f"{table}.{name}" for name in names if name not in have)
