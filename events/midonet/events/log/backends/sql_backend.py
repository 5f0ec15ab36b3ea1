"""What differs between the SQL servers that can hold a log. Nothing here knows the chain rule."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

from midonet.events.errors import MidonetError

CHUNK_ROWS = 2_000
"""Commits that one query returns at most."""

Connection: TypeAlias = Any
"""A connection of the driver's, and its cursor, as PEP 249 has them; drivers share no types."""
Cursor: TypeAlias = Any


class Notifier(Protocol):
    """Wakes a reader that waits for commits; a missed or surplus ring costs time, never a commit."""

    interval: float
    """Seconds after which the reader looks by itself, for writers that ring no bell."""

    def wait(self, seconds: float) -> bool:
        """Return True when somebody has appended since the last call, as far as is known; False after `seconds`."""


class Database(Protocol):
    """One SQL server: how to connect so that a commit is durable, and what its errors mean."""

    url: str
    driver_error: type[Exception]
    """The root of what the driver raises."""
    begin: str
    """Statements that open a transaction which is going to write."""
    exists: str
    """A query with a row iff the table is there."""
    statements: Mapping[str, str]
    """What `statements.py` says, in the server's words."""

    def connect(self) -> Connection:
        """Return a new connection, on which each statement is a transaction of its own unless one was begun."""

    def lost(self, connection: Connection) -> bool:
        """Tell whether the connection can no longer be used, so that only a new one can answer."""

    def failure(self, error: BaseException, *, committing: bool) -> MidonetError:
        """Return what a driver's error means; `committing` if it came as the answer to COMMIT."""

    def version(self, cursor: Cursor) -> int | None:
        """Return what is another number after another connection has written; None where nothing tells so."""

    def notify_in_transaction(self, cursor: Cursor) -> None:
        """Let readers know, as a part of the transaction."""

    def notify(self) -> None:
        """Let readers know, after the transaction."""

    def subscribe(self) -> AbstractContextManager[Notifier]:
        """Listen for what `notify_in_transaction` and `notify` say, from now on."""
