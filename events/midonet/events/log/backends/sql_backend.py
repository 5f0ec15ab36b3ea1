"""What differs between the SQL databases that can hold a log. Nothing here depends on the chain rule."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

from midonet.events.errors import MidonetError

CHUNK_ROWS = 2_000
"""Commits that one query returns at most."""

Connection: TypeAlias = Any
"""A connection of the driver, and its cursor (PEP 249); drivers share no types."""
Cursor: TypeAlias = Any


class Notifier(Protocol):
    """Wakes a reader that waits for commits; a missed or surplus notification costs time, never a commit."""

    interval: float
    """Seconds after which the reader polls, for writers that send no notification."""

    def wait(self, seconds: float) -> bool:
        """Return True at a notification since the last call, False after `seconds`."""


class Database(Protocol):
    """One SQL database: how to connect so that a commit is durable, and what its errors mean."""

    url: str
    driver_error: type[Exception]
    """The base class of the driver's errors."""
    begin: str
    """Statement that opens a transaction that is going to write."""
    exists: str
    """A query that returns a row if and only if the table exists."""
    statements: Mapping[str, str]
    """The statements of `sql_statements.py` in the dialect of the database."""

    def connect(self) -> Connection:
        """Return a new connection in autocommit mode."""

    def lost(self, connection: Connection) -> bool:
        """Return whether the connection can no longer be used, so that a new one is needed."""

    def failure(self, error: BaseException, *, committing: bool) -> MidonetError:
        """Return the error for a driver's error; `committing` if it was the response to COMMIT."""

    def version(self, cursor: Cursor) -> int | None:
        """Return a number that changes when another connection writes; None if the database has none."""

    def notify_in_transaction(self, cursor: Cursor) -> None:
        """Notify readers, as part of the transaction."""

    def notify(self) -> None:
        """Notify readers, after the transaction."""

    def subscribe(self) -> AbstractContextManager[Notifier]:
        """Listen for `notify_in_transaction` and `notify` from now on."""
