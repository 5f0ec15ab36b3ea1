"""An SQL database (SQLite, PostgreSQL) as the target of a view: one row per value, and the checkpoint.

Values and checkpoint change in one transaction, guarded by the loaded checkpoint. The generation is a column, so one
table can have several. Rows of other views are never changed, and closing removes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    and_,
    create_engine,
    delete,
    event,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from midonet.events.errors import Unavailable, UsageError
from midonet.events.redaction import redact
from midonet.projections.base import Checkpoint, Fenced, Unwritable

_METADATA = MetaData()

VALUES = Table(
    "midonet_views",
    _METADATA,
    Column("view", Text, primary_key=True),
    Column("generation", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

CHECKPOINTS = Table(
    "midonet_checkpoints",
    _METADATA,
    Column("view", Text, primary_key=True),
    Column("generation", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("replay", Text),  # recorded by a replay; no daemon writes it
)

_LOG = "commits"
"""The table of a log (contract §1)."""

_MAX_BYTES = 512 * 1024 * 1024
"""Maximum bytes of one value; PostgreSQL's own limit is 1 GB."""
_ROWS = 500
_FORMS = ("sqlite:///FILE", "postgresql+psycopg://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE")


class SqlTarget:
    """The view `view` in the database at `url`, in one generation.

    `on_written` is called with the number of values of a large change that were sent.
    """

    def __init__(
        self, url: str, view: str = "nsdb", generation: str = "1", *, on_written: Callable[[int], None] = lambda _: None
    ) -> None:
        address = _address(url)
        self._url = redact(url)
        self._on_written = on_written
        self._key = {"view": view, "generation": generation}
        self._ours = [VALUES.c.view == view, VALUES.c.generation == generation]
        self._here = and_(CHECKPOINTS.c.view == view, CHECKPOINTS.c.generation == generation)
        self._engine = create_engine(address)
        self._checkpoint = Checkpoint()
        if address.get_backend_name() == "sqlite":
            _make_folder(Path(address.database or "").parent)
            event.listen(self._engine, "connect", _set_pragmas)
            event.listen(self._engine, "begin", _begin_immediate)

    def on_change(self, wake: Callable[[], None]) -> None:
        """Do nothing: a database does not notify; the next `load` finds changes of other clients."""

    def drifted(self) -> bool:
        """Return False: a database does not notify."""
        return False

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def load(self) -> tuple[Checkpoint, Mapping[str, bytes]]:
        """Return the checkpoint and all values; create missing tables and the checkpoint."""
        with self._transaction() as connection:
            _METADATA.create_all(connection)
            self._ensure_checkpoint(connection)
            self._checkpoint = self._read(connection)
            rows = connection.execute(select(VALUES.c.key, VALUES.c.value).where(*self._ours))
            return self._checkpoint, {key: bytes(value) for key, value in rows}

    def peek(self) -> Checkpoint:
        """Return the checkpoint, position 0 if there is none."""
        with self._transaction() as connection:
            return self._read(connection)

    def write(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> None:
        """Write values (None: remove) and the checkpoint in one transaction."""
        for key, value in delta.items():
            if value is not None and len(value) > _MAX_BYTES:
                raise Unwritable(key, f"{len(value)} bytes exceed the limit of a row ({_MAX_BYTES})")
        with self._transaction() as connection:
            self._advance(connection, checkpoint)
            for part in _parts([key for key, value in delta.items() if value is None]):
                connection.execute(delete(VALUES).where(*self._ours, VALUES.c.key.in_(part)))
                self._on_written(len(part))
            put = [(key, value) for key, value in delta.items() if value is not None]
            rows: list[dict[str, object]] = [{**self._key, "key": key, "value": value} for key, value in put]
            for start in range(0, len(rows), _ROWS):
                self._put(connection, rows[start : start + _ROWS])
                self._on_written(len(rows[start : start + _ROWS]))
        self._checkpoint = checkpoint

    def read_mark(self) -> str | None:
        """Return the record of a replay for this view, None if there is no view, or if it is a live one.

        Raises `UsageError` if the database has a log: a view must be in a separate database.
        """
        with self._transaction() as connection:
            if inspect(connection).has_table(_LOG):
                raise UsageError(f"{self._url} contains a log; choose a separate database for a view")
            _METADATA.create_all(connection)
            note: str | None = connection.execute(select(CHECKPOINTS.c.replay).where(self._here)).scalar()
            return note

    def write_mark(self, note: str) -> None:
        """Record that a replay writes this view."""
        with self._transaction() as connection:
            self._ensure_checkpoint(connection)
            connection.execute(update(CHECKPOINTS).where(self._here).values(replay=note))

    def _ensure_checkpoint(self, connection: Connection) -> None:
        insert = _insert(connection)(CHECKPOINTS).values(**self._key, position=0, hash=Checkpoint().hash)
        connection.execute(insert.on_conflict_do_nothing())

    def _read(self, connection: Connection) -> Checkpoint:
        row = connection.execute(select(CHECKPOINTS.c.position, CHECKPOINTS.c.hash).where(self._here)).first()
        return Checkpoint(*row) if row is not None else Checkpoint()

    def _advance(self, connection: Connection, checkpoint: Checkpoint) -> None:
        """Compare and set the checkpoint; this also blocks every other writer until the end of the transaction."""
        loaded = (CHECKPOINTS.c.position == self._checkpoint.position, CHECKPOINTS.c.hash == self._checkpoint.hash)
        values = {"position": checkpoint.position, "hash": checkpoint.hash}
        if connection.execute(update(CHECKPOINTS).where(self._here, *loaded).values(**values)).rowcount != 1:
            raise Fenced("another writer moved the checkpoint")

    @staticmethod
    def _put(connection: Connection, rows: list[dict[str, object]]) -> None:
        insert = _insert(connection)(VALUES)
        changed = {"value": insert.excluded.value}
        connection.execute(insert.on_conflict_do_update(index_elements=list(VALUES.primary_key), set_=changed), rows)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
            message = redact(" ".join(reason.split()))
            raise Unavailable(f"{self._url}: {message}", url=self._url) from None


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        address = None
    if address is None or address.drivername not in ("sqlite", "postgresql+psycopg") or not address.database:
        raise UsageError(f"not the address of a database; allowed are {', '.join(_FORMS)}", allowed=_FORMS)
    return address


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be created: {error.strerror}", folder=str(folder)) from None


def _insert(connection: Connection) -> type[sqlite.Insert] | type[postgresql.Insert]:
    return sqlite.Insert if connection.dialect.name == "sqlite" else postgresql.Insert


def _set_pragmas(connection: object, _: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # transactions begin at an explicit BEGIN, not at the first change
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a connection of sqlite3
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _parts(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _ROWS):
        yield keys[start : start + _ROWS]
