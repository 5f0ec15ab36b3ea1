"""SQLite as the database of a log: a file on a local disk, durable at every commit.

WAL with `synchronous=FULL`: a commit is on the disk when `append` returns, and readers do not wait for writers.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

from midonet.events.errors import (
    Conflict,
    MidonetError,
    Misconfigured,
    OutcomeUnknown,
    Unavailable,
    UsageError,
    VerificationFailed,
)
from midonet.events.log.backends.file_watch import FileWatch, wake
from midonet.events.log.backends.sql import SqlLog
from midonet.events.log.backends.sql_backend import CHUNK_ROWS, Connection, Cursor, Notifier

_SCHEME = "sqlite:///"
_BUSY_SECONDS = 10.0
_INTERVAL = 0.5
"""Seconds after which a reader polls: a writer that is killed after its commit sends no notification."""
_UNWATCHED = 0.05
_SMALLEST_DATABASE = 512

_MEANINGS: dict[int, tuple[type[MidonetError], str]] = {
    sqlite3.SQLITE_BUSY: (Unavailable, f"another process has kept it locked for {_BUSY_SECONDS:.0f} s"),
    sqlite3.SQLITE_CANTOPEN: (Unavailable, "cannot be opened"),
    sqlite3.SQLITE_CONSTRAINT: (Conflict, "has a commit with this position or id already"),
    sqlite3.SQLITE_CORRUPT: (VerificationFailed, "is corrupt"),
    sqlite3.SQLITE_ERROR: (Misconfigured, "is not a commit log"),
    sqlite3.SQLITE_FULL: (Unavailable, "cannot grow: the disk is full"),
    sqlite3.SQLITE_NOTADB: (Misconfigured, "is not a SQLite database"),
    sqlite3.SQLITE_READONLY: (Unavailable, "cannot be written"),
}


_NOT_SHARED = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY_CANTINIT,
    sqlite3.SQLITE_READONLY_DIRECTORY,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_FULL,
)
"""Result codes where SQLite cannot create its `-wal` and `-shm` files: a read-only file system, or a full one."""
_FULL_BYTES = 64 * 1024
"""SQLite's `-shm` file needs 32 KiB."""

_ROW = (
    "SELECT commits.position, commits.id, commits.time, commits.actor, CAST(commits.body AS BLOB) AS body FROM commits"
)
_STATEMENTS = {
    "create": "CREATE TABLE IF NOT EXISTS commits ( position INTEGER NOT NULL, id TEXT NOT NULL, time TEXT NOT NULL, "
    "actor TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (position), UNIQUE (id) )",
    "insert": "INSERT INTO commits (position, id, time, actor, body) VALUES (:position, :id, :time, :actor, :body)",
    "last": f"{_ROW} ORDER BY commits.position DESC LIMIT 1 OFFSET 0",
    "end": "SELECT max(commits.position) AS max_1 FROM commits",
    "at": f"{_ROW} WHERE commits.position = :position",
    "by_id": f"{_ROW} WHERE commits.id = :id",
    "between": f"{_ROW} WHERE commits.position > :after AND commits.position <= :end "
    f"ORDER BY commits.position LIMIT {CHUNK_ROWS} OFFSET 0",
}
"""What SQLAlchemy makes of `sql_statements.py`; a test compares the two."""


def open_sqlite(url: str, *, create: bool, read_only: bool = False) -> SqlLog:
    """Open the log in a SQLite file; `create` makes the file and its parent directories if absent."""
    name = url.removeprefix(_SCHEME)
    if name == url or name in {"", ":memory:"} or "\0" in name:
        raise UsageError(f"a SQLite log needs a file: {_SCHEME}FILE")
    path = Path(name).absolute()
    if create:
        _make_file(path)
    _refuse_stub(path)
    return SqlLog(SqliteDatabase(path, read_only=read_only), create=create)


def _make_file(path: Path) -> None:
    """Create an empty file if there is none; SQLite never creates it, so that no removed log is replaced."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)  # it holds the whole network; SQLite's other files get the same mode
    except OSError as error:
        raise Unavailable(f"{_shown(path)} cannot be created: {error.strerror}", file=_shown(path)) from error


def _refuse_stub(path: Path) -> None:
    """Refuse a file that is too short for a database, which SQLite would overwrite.

    Its content must not be read: closing a file releases this process' locks on it (POSIX).
    """
    with suppress(OSError):
        if path.is_file() and 0 < path.stat().st_size < _SMALLEST_DATABASE:
            raise Misconfigured(f"{_shown(path)} is not a SQLite database", file=_shown(path))


def _shown(path: Path) -> str:
    """Return a file name as printable text: on Linux it is bytes."""
    return os.fsencode(path).decode(errors="replace")


def _connect(path: Path, query: str) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?{query}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _opened(path: Path, query: str) -> sqlite3.Connection:
    """Return a connection that has opened the file: SQLite does that at the first statement."""
    connection = _connect(path, query)
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteDatabase:
    """One SQLite file."""

    driver_error: type[Exception] = sqlite3.Error
    begin = "BEGIN IMMEDIATE"
    exists = "SELECT 1, '' FROM sqlite_schema WHERE name = 'commits'"
    statements: Mapping[str, str] = _STATEMENTS

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.url = f"{_SCHEME}{path}"
        self._path = path
        self._read_only = read_only
        self._shared = True
        """Whether the connection sees what other processes write."""
        self._file = os.fsencode(path)
        self._name = _shown(path)
        self._wal = os.fsencode(path.resolve()) + b"-wal"
        self._opened: object = None

    def connect(self) -> Connection:
        """Open the file; `Misconfigured` if it cannot be made durable there."""
        if self._read_only:
            return self._connect_to_read()
        connection = _connect(self._path, "mode=rw")
        try:
            self._prepare(connection)
            self._opened = self._identity()
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_to_read(self) -> Connection:
        """Open the file for reading, also where SQLite cannot create the files that it shares with writers."""
        self._shared = True
        try:
            connection = _opened(self._path, "mode=ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _NOT_SHARED or not self._path.exists():
                raise
            self._shared = False
            try:
                connection = self._connect_unshared()
            except OSError as fault:
                raise Unavailable(f"{self._name} cannot be read: {fault.strerror}", file=self._name) from fault
        self._opened = self._identity()
        return connection

    def _connect_unshared(self) -> Connection:
        """Open a file that has no writer: as it is, or a temporary copy if a writer left commits in the WAL file."""
        if not self._wal_size():
            return _opened(self._path, "immutable=1")
        with TemporaryDirectory(prefix="midonet-") as folder:
            copy = Path(folder) / "log.db"
            shutil.copyfile(self._path, copy)
            shutil.copyfile(self._wal, f"{copy}-wal")
            connection = _opened(copy, "mode=rw")
            connection.execute("PRAGMA journal_mode = DELETE")  # all commits are then in the one file that stays open
            return connection

    def _wal_size(self) -> int:
        with suppress(OSError):
            return os.stat(self._wal).st_size  # noqa: PTH116 - as in `_identity`
        return 0

    def _prepare(self, connection: sqlite3.Connection) -> None:
        with closing(connection.cursor()) as cursor:
            mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            cursor.execute("PRAGMA synchronous = FULL")
        if mode != "wal":
            raise Misconfigured(
                f"{self._name} is on a file system without support for a write-ahead log", file=self._name
            )

    def _identity(self) -> object:
        """Return which file has the name now."""
        try:
            found = os.stat(self._file)  # noqa: PTH116 - quicker; called before every statement
        except OSError:
            return None
        if self._shared:
            return found.st_dev, found.st_ino
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, self._wal_size()

    def lost(self, _: Connection) -> bool:
        """Return whether the file was replaced or removed: what is written to the old one would be lost."""
        return self._identity() != self._opened

    def failure(self, error: Any, *, committing: bool) -> MidonetError:
        """Return the error for SQLite's result code on this file."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_INTERNAL) & 0xFF
        unnamed = OutcomeUnknown if committing else Unavailable
        kind, meaning = _MEANINGS.get(code, (unnamed, "cannot be used"))
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) and self._path.exists():
            meaning = self._obstacle() or meaning
        return kind(f"{self._name} {meaning} ({error})", file=self._name)

    def _obstacle(self) -> str | None:
        """Return why SQLite cannot create its files, which its result code does not say."""
        folder = self._path.parent
        if not os.access(folder, os.W_OK):
            return "cannot be written: its directory is read-only"
        space = os.statvfs(folder)
        return "cannot grow: the disk is full" if space.f_bavail * space.f_frsize < _FULL_BYTES else None

    def version(self, cursor: Cursor) -> int | None:
        """Return the data version of this connection, which only other connections' changes increase."""
        cursor.execute("PRAGMA data_version")
        version: int = cursor.fetchone()[0]
        return version

    def notify_in_transaction(self, cursor: Cursor) -> None:
        """Do nothing: readers are notified after the commit."""

    def notify(self) -> None:
        """Notify readers by the WAL file, never by the database: closing that would release SQLite's locks on it."""
        with suppress(OSError):  # readers poll as well
            wake(self._wal)

    @contextmanager
    def subscribe(self) -> Iterator[Notifier]:
        """Watch the write-ahead log; it exists as long as a connection is open."""
        try:
            watch = FileWatch(self._wal)
        except OSError:
            yield _PollingNotifier()
            return
        with closing(watch):
            yield _FileNotifier(watch)


class _FileNotifier:
    interval = _INTERVAL

    def __init__(self, watch: FileWatch) -> None:
        self.wait = watch.wait


class _PollingNotifier:
    """Polls where the file cannot be watched."""

    interval = _UNWATCHED

    def wait(self, seconds: float) -> bool:
        sleep(seconds)
        return False
