"""The interface of an index database: statements in, rows out.

`sqlite` needs only the standard library; `postgres` uses SQLAlchemy.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from midonet.projections.history_index.schema import Dialect

Row = tuple[Any, ...]


class Unusable(Exception):
    """The index cannot be used at present: it is locked, its disk is full, or its server is unreachable."""


class CorruptIndex(Unusable):
    """The index is corrupt, or belongs to another log: it must be rebuilt."""


class Database(Protocol):
    """The tables of one index in a database. Any method may raise `Unusable` and, for corrupt data, `CorruptIndex`."""

    dialect: Dialect

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return the rows of a query."""

    def each(self, sql: str, **values: Any) -> Iterator[Row]:
        """Yield the rows of a query as they are consumed."""

    def run(self, sql: str, **values: Any) -> int:
        """Execute a statement; return how many rows it changed."""

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute a statement for each row."""

    def writing(self) -> AbstractContextManager[None]:
        """A transaction."""

    def release(self) -> None:
        """End the read transaction that the first query began, so that the database can remove old versions."""

    def close(self) -> None:
        """Close the connection."""
