"""Where an index is kept, as far as it matters: statements in, rows out; and a SQLite file read without any library.

`midonet.projections.history_index.postgres` is the other implementation, on SQLAlchemy.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from midonet.projections.history_index.schema import Dialect

Row = tuple[Any, ...]


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
