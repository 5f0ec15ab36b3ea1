"""Where an index is kept, as far as it matters: statements in, rows out; and a SQLite file read without any library.

`midonet.projections.history_index.postgres` is the other implementation, on SQLAlchemy.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Protocol

from midonet.events.log import file_uri
from midonet.projections.history_index.schema import SQLITE, Dialect

__all__ = ["Damaged", "Database", "Row", "SqliteFile", "Unusable", "open_database"]

Row = tuple[Any, ...]
_SQLITE = "sqlite:///"
_BUSY_SECONDS = 10.0
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PAGES = -64 * 1024
"""Kibibytes of cache while writing, as SQLite wants it: negative."""


class Unusable(Exception):
    """The index cannot be used at the moment: another process holds it, its disk is full, its server is away."""


class Damaged(Unusable):
    """The index is not what was written, or not of this log: it has to be made anew."""


class Database(Protocol):
    """Holds the tables of one index. Every method may raise `Unusable` and, where the data are spoilt, `Damaged`."""

    dialect: Dialect

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return the rows of a query."""

    def each(self, sql: str, **values: Any) -> Iterator[Row]:
        """Yield the rows of a query as they are asked for."""

    def run(self, sql: str, **values: Any) -> int:
        """Carry out a statement; return how many rows it changed."""

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry out a statement for each row."""

    def writing(self) -> AbstractContextManager[None]:
        """Change all or nothing."""

    def release(self) -> None:
        """Stay no longer at the moment of the first query: others can tidy up behind it."""

    def close(self) -> None:
        """Release the connection."""


def open_database(url: str, *, write: bool) -> Database:
    """Open the database of an index; `UsageError` for what is no address of one."""
    path = url.removeprefix(_SQLITE)
    if path in (url, ""):
        from midonet.projections.history_index.postgres import Server

        return Server(url, write=write)
    if write:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)  # noqa: PTH100, PTH103, PTH120 - pathlib takes 3 ms
    return SqliteFile(path, write=write)


class SqliteFile:
    """An index in a file; if it is only to be read, the file must be there, and stays at one moment."""

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
        """A crash may lose the last rows, never spoil the others: that is what a cache needs."""
        self.rows("PRAGMA journal_mode = WAL")
        self.rows("PRAGMA synchronous = NORMAL")
        self.rows(f"PRAGMA cache_size = {_PAGES}")

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return the rows of a query."""
        with _failures():
            return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, **values: Any) -> Iterator[Row]:
        """Yield the rows of a query as they are asked for."""
        with _failures():
            yield from self._connection.execute(sql, values)

    def run(self, sql: str, **values: Any) -> int:
        """Carry out a statement; return how many rows it changed."""
        with _failures():
            return self._connection.execute(sql, values).rowcount

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry out a statement for each row."""
        with _failures():
            self._connection.executemany(sql, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Change all or nothing."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        finally:
            if self._connection.in_transaction:
                with suppress(Unusable):
                    self.run("ROLLBACK")

    def release(self) -> None:
        """Stay no longer at the moment of the first query."""
        if self._connection.in_transaction:
            self.run("COMMIT")

    def close(self) -> None:
        """Release the file."""
        with suppress(sqlite3.Error):
            self._connection.close()


def _make_private(path: str) -> None:
    """Make the file, if it is not there, for its owner alone: an index tells what the log does."""
    with suppress(OSError, ValueError):  # SQLite says what is wrong with it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        broken = getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN
        raise (Damaged if broken else Unusable)(str(error)) from error
