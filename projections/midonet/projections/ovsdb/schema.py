"""Checks before any write that a server has the expected database, and lists its optional columns."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from midonet.events.errors import Misconfigured, Rejected
from midonet.projections.ovsdb.client import Client


class _Table(Struct):
    columns: dict[str, object]


class _Schema(Struct):
    tables: dict[str, _Table]


def check_schema(
    client: Client,
    database: str,
    columns: Mapping[str, Sequence[str]],
    optional: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, list[str]]:
    """Return the columns by table that the server has: all of `columns`, and the existing ones of the optional ones.

    Raises `Misconfigured` with the missing tables and columns.
    """
    databases = client.call("list_dbs", [])
    if database not in databases:
        have = ", ".join(databases) or "none"
        raise Misconfigured(f"{client.address} has no database {database}; it has {have}", databases=databases)
    present = _columns(client, database)
    lacking = [
        f"{table}.{one}" for table, names in columns.items() for one in names if one not in present.get(table, ())
    ]
    if lacking:
        words = f"{database} on {client.address} lacks {', '.join(lacking)}"
        raise Misconfigured(words, database=database, lacking=lacking)
    found = {table: list(names) for table, names in columns.items()}
    for table, names in (optional or {}).items():
        if more := [name for name in names if name in present.get(table, ())]:
            found.setdefault(table, []).extend(more)
    return found


def _columns(client: Client, database: str) -> dict[str, set[str]]:
    try:
        schema = msgspec.convert(client.call("get_schema", [database]), _Schema)
    except (msgspec.ValidationError, Rejected) as error:
        words = f"{client.address} has a schema of {database} that cannot be read: {error}"
        raise Misconfigured(words, database=database) from None
    return {name: set(table.columns) for name, table in schema.tables.items()}
