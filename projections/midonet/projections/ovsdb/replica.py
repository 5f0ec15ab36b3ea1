"""Monitored tables in memory, updated by the updates of the database (RFC 7047 §4.1.6).

Pure: it applies updates and returns the changes. Rows stay in JSON form.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]
"""Column → value in JSON form, the monitored columns only."""


class RowChange(NamedTuple):
    """The change of one row by an update; None is absent."""

    uuid: str
    old: Row | None
    new: Row | None


class Replica:
    """Rows by table and UUID."""

    def __init__(self, tables: Iterable[str]) -> None:
        self.tables: dict[str, dict[str, Row]] = {table: {} for table in tables}

    def apply(self, updates: Mapping[str, Mapping[str, Any]]) -> dict[str, list[RowChange]]:
        """Apply one update (also the initial dump); return the changes by table."""
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
