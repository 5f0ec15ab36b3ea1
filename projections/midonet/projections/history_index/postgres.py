"""An index in PostgreSQL, through SQLAlchemy: the shared index of a cluster."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from midonet.events.errors import UsageError
from midonet.projections.history_index.backend import Row, Unusable
from midonet.projections.history_index.schema import POSTGRESQL

_SCHEME = "postgresql+psycopg"
_CONNECT_SECONDS = 5
_FETCHED = 1_000
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Server:
    """One connection; read-only, it has one snapshot. `UsageError` for an invalid address."""

    dialect = POSTGRESQL

    def __init__(self, url: str, *, write: bool) -> None:
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):  # the text may contain the password
            parsed = None
        if parsed is None or parsed.drivername != _SCHEME:
            raise UsageError(f"the address of a history index is sqlite:///FILE or {_SCHEME}://…", option="history")
        engine = create_engine(
            parsed,
            connect_args={"autocommit": True, "connect_timeout": _CONNECT_SECONDS},
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
        )
        with _failures():
            self._connection: Connection = engine.connect()
        if not write:
            self.run(_READ)

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return the rows of a query."""
        with _failures():
            return [tuple(row) for row in self._connection.execute(text(sql), values)]

    def each(self, sql: str, **values: Any) -> Iterator[Row]:
        """Yield the rows of a query as they are consumed."""
        options = {"stream_results": True, "yield_per": _FETCHED}
        with _failures(), self._connection.execute(text(sql), values, execution_options=options) as found:
            yield from map(tuple, found)

    def run(self, sql: str, **values: Any) -> int:
        """Execute a statement; return how many rows it changed."""
        with _failures():
            return self._connection.execute(text(sql), values).rowcount

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute a statement for each row."""
        with _failures():
            self._connection.execute(text(sql), list(rows))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction."""
        self.run("BEGIN")
        done = False
        try:
            yield
            self.run("COMMIT")
            done = True
        finally:
            if not done:
                with suppress(Unusable):
                    self.run("ROLLBACK")

    def release(self) -> None:
        """End the read transaction of the first query."""
        self.run("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        with suppress(SQLAlchemyError):
            self._connection.close()


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise Unusable(" ".join(str(error.__cause__ or error).split())) from error
