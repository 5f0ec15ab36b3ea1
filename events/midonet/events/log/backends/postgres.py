"""PostgreSQL as the database of a log, for several nodes without a Kafka cluster.

Readers are woken by NOTIFY, which is part of the appending transaction. A server that may acknowledge what is not on
its disk is refused. The password comes from the URL or from PGPASSWORD, and is never shown.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import URL, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from midonet.events.errors import (
    Conflict,
    InvalidValue,
    MidonetError,
    Misconfigured,
    OutcomeUnknown,
    Unavailable,
    UsageError,
)
from midonet.events.log.backends.sql import SqlLog
from midonet.events.log.backends.sql_backend import Connection, Cursor, Notifier
from midonet.events.log.backends.sql_statements import compiled

_CHANNEL = "midonet_commits"
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 30.0
"""More than the server itself lets a statement wait for a lock."""
_SESSION = """
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '30s'
"""  # a frozen writer must not block the others for ever
_RISKY = "SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'"

_MEANINGS: tuple[tuple[type[Exception], type[MidonetError]], ...] = (
    (psycopg.IntegrityError, Conflict),
    (psycopg.DataError, InvalidValue),
    (psycopg.ProgrammingError, Misconfigured),
)


def open_postgres(url: str, *, create: bool) -> SqlLog:
    """Open the log in a PostgreSQL database; `create` makes the table if absent, never the database."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their text may hold the password
        raise UsageError("not a valid address of a PostgreSQL database") from None
    return SqlLog(PostgresDatabase(parsed), create=create)


def _public(url: URL) -> str:
    query = {key: value for key, value in url.query.items() if "password" not in key}
    public = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, query)
    return public.render_as_string()


class _Session(psycopg.Connection[Any]):
    """A session with a time limit for each response: a frozen server keeps its TCP connections open."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait as psycopg does, with a time limit; then close the session, since its state is unknown."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, _ANSWER_SECONDS)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - psycopg exports no other name
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the server did not answer within {_ANSWER_SECONDS:.0f} s") from None


class PostgresDatabase:
    """One PostgreSQL database."""

    driver_error: type[Exception] = psycopg.Error
    begin = "BEGIN"
    exists = "SELECT 1 WHERE to_regclass('commits') IS NOT NULL"

    def __init__(self, url: URL) -> None:
        self.url = _public(url)
        self._engine = create_engine(
            url,
            connect_args={"autocommit": True, "connect_timeout": _CONNECT_SECONDS},
            poolclass=NullPool,
            pool_reset_on_return=None,
        )
        event.listen(self._engine, "do_connect", lambda *arguments: _Session.connect(**arguments[-1]))
        event.listen(self._engine, "connect", self._prepare)
        self.statements: Mapping[str, str] = compiled(self._engine.dialect)

    def connect(self) -> Connection:
        """Connect; `Misconfigured` if the server may lose what it acknowledges."""
        try:
            return self._engine.raw_connection()
        except DBAPIError as error:  # SQLAlchemy wraps errors of connecting
            raise (error.__cause__ or error) from None

    def _prepare(self, connection: psycopg.Connection[Any], _: object) -> None:
        connection.execute(_SESSION)
        risky = [name for (name,) in connection.execute(_RISKY)]
        if risky:
            raise Misconfigured(
                f"{self.url} would acknowledge commits that are not on its disk: "
                + ", ".join(f"set {name} = on" for name in risky),
                url=self.url,
                settings=risky,
            )

    def lost(self, connection: Connection) -> bool:
        """Return whether the server or the network ended the session."""
        driver = connection.driver_connection
        return driver is None or driver.closed or driver.broken

    def failure(self, error: BaseException, *, committing: bool) -> MidonetError:
        """Return the error for a driver error; without an answer to COMMIT its outcome is unknown."""
        unnamed = OutcomeUnknown if committing else Unavailable
        kind = next((ours for theirs, ours in _MEANINGS if isinstance(error, theirs)), unnamed)
        return kind(f"{self.url}: {' '.join(str(error).split())}", url=self.url)

    def version(self, _: Cursor) -> int | None:
        """Return None: PostgreSQL has no such number."""
        return None

    def notify_in_transaction(self, cursor: Cursor) -> None:
        """Notify listeners; the server delivers it with the commit."""
        cursor.execute(f"NOTIFY {_CHANNEL}")

    def notify(self) -> None:
        """Do nothing: the transaction has notified the listeners."""

    @contextmanager
    def subscribe(self) -> Iterator[Notifier]:
        """Listen on a separate connection."""
        with closing(_Listener(self)) as listener:
            yield listener


class _Listener:
    interval = 1.0

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._connection = self._listen()

    def _listen(self) -> Connection:
        try:
            connection = self._database.connect()
            connection.cursor().execute(f"LISTEN {_CHANNEL}")
        except psycopg.Error as error:
            raise self._database.failure(error, committing=False) from error
        return connection

    def wait(self, seconds: float) -> bool:
        """Return at a notification, after `seconds`, or when notifications may have been missed."""
        driver: Any = self._connection.driver_connection
        try:
            return bool(list(driver.notifies(timeout=seconds, stop_after=1)))
        except psycopg.Error:
            self.close()
            self._connection = self._listen()
            return True

    def close(self) -> None:
        """End the session."""
        self._connection.close()
