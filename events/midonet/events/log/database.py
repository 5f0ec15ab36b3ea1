"""What differs between the SQL servers that can hold a log, and the table that they have in common.

The table is contract §1: other programs read it with nothing but SQL. Nothing here knows the chain rule.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import BigInteger, Column, Engine, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import PoolProxiedConnection

from midonet.events.errors import MidonetError

__all__ = ["Bell", "Database", "commits"]

commits = Table(
    "commits",
    MetaData(),
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", Text, unique=True, nullable=False),
    Column("time", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)


class Bell(Protocol):
    """Wakes a reader that waits for commits; a missed or surplus ring costs time, never a commit."""

    interval: float
    """Seconds after which the reader looks by itself, for writers that ring no bell."""

    def wait(self, seconds: float) -> None:
        """Return when somebody has appended since the last call, or after `seconds`."""


class Database(Protocol):
    """One SQL server: how to connect so that a commit is durable, and what its errors mean."""

    url: str
    engine: Engine
    driver_error: type[Exception]
    """The root of what the driver raises."""
    begin: str
    """Statements that open a transaction which is going to write."""
    exists: str
    """A query with a row iff the table is there."""

    def lost(self, connection: PoolProxiedConnection) -> bool:
        """Tell whether the connection can no longer be used, so that only a new one can answer."""

    def failure(self, error: BaseException, *, committing: bool) -> MidonetError:
        """Return what a driver's error means; `committing` if it came as the answer to COMMIT."""

    def announce(self, cursor: DBAPICursor) -> None:
        """Let readers know, as a part of the transaction."""

    def ring(self) -> None:
        """Let readers know, after the transaction."""

    def bell(self) -> AbstractContextManager[Bell]:
        """Listen for what `announce` and `ring` say, from now on."""
