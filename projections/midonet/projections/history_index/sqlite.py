"""The history index in a SQLite file."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from midonet.events.log import file_uri
from midonet.projections.history_index.backend import CorruptIndex, Row, Unusable
from midonet.projections.history_index.schema import SQLITE

URL_PREFIX = "sqlite:///"


_BUSY_SECONDS = 10.0


_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


_PAGES = -64 * 1024
"""Kibibytes of cache while writing; SQLite's format is a negative number."""


class SqliteFile:
    """An index in a file; read-only, the file must exist, and there is one snapshot."""

    dialect = SQLITE

    def __init__(self, path: str, *, write: bool) -> None:
        with _failures():
            if write:
                _make_private(path)
            uri = file_uri(path, "rwc" if write else "ro")
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
        if write:
            self._prepare()
        else:
            self.run("BEGIN")

    def _prepare(self) -> None:
        """A crash may lose the last rows, never corrupt others: enough for a cache."""
        self.rows("PRAGMA journal_mode = WAL")
        self.rows("PRAGMA synchronous = NORMAL")
        self.rows(f"PRAGMA cache_size = {_PAGES}")

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return the rows of a query."""
        with _failures():
            return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, **values: Any) -> Iterator[Row]:
        """Yield the rows of a query as they are consumed."""
        with _failures():
            yield from self._connection.execute(sql, values)

    def run(self, sql: str, **values: Any) -> int:
        """Execute a statement; return how many rows it changed."""
        with _failures():
            return self._connection.execute(sql, values).rowcount

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute a statement for each row."""
        with _failures():
            self._connection.executemany(sql, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        finally:
            if self._connection.in_transaction:
                with suppress(Unusable):
                    self.run("ROLLBACK")

    def release(self) -> None:
        """End the read transaction of the first query."""
        if self._connection.in_transaction:
            self.run("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):
            self._connection.close()


def _make_private(path: str) -> None:
    """Create a missing file, readable by its owner only: an index reveals the content of the log."""
    with suppress(OSError, ValueError):  # SQLite reports the error when it opens the file
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        broken = getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN
        raise (CorruptIndex if broken else Unusable)(str(error)) from error
