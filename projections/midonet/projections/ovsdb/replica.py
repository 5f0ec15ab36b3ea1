"""Monitored tables as they are in the database, kept up to date by its updates (RFC 7047 §4.1.6).

Pure: it is fed with updates and says what each of them changed. Rows stay in JSON form.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]
"""Column → value in JSON form, the monitored columns only."""


class RowChange(NamedTuple):
    """What an update did to one row; None is absent."""

    uuid: str
    old: Row | None
    new: Row | None


class Replica:
    """Rows by table and UUID."""

    def __init__(self, tables: Iterable[str]) -> None:
        self.tables: dict[str, dict[str, Row]] = {table: {} for table in tables}

    def apply(self, updates: Mapping[str, Mapping[str, Any]]) -> dict[str, list[RowChange]]:
        """Take in one update (the initial dump is one as well); return what changed, by table."""
        return {table: list(_apply(self.tables[table], rows)) for table, rows in updates.items()}


def _apply(rows: dict[str, Row], updates: Mapping[str, Any]) -> Iterable[RowChange]:
    for uuid, update in updates.items():
        new = update.get("new")
        if new is None:
            yield RowChange(uuid, rows.pop(uuid, None), None)
            continue
        old = rows.get(uuid)
        rows[uuid] = new if old is None else {**old, **new}
        yield RowChange(uuid, old, rows[uuid])
