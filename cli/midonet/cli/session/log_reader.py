"""Read the commits of a log; nothing here creates a log or writes to one.

SQLite files are read without the log's backend, as contract §1 lets any program read them. What that cannot read
(another backend, a locked or corrupt file, a commit that does not fit) is read by the backend, which reports the error.
"""

import os.path
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from midonet.cli.output.formats import Printer
from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.errors import Unavailable
from midonet.events.log import Bookmark, Log, file_uri, open_api_log, open_log
from midonet.events.log.hash_chain import extend, parse
from midonet.events.redaction import redact

if TYPE_CHECKING:
    from midonet.events.api_client import ApiClient

_SCHEME = "sqlite:///"
_AFTER = "SELECT position, id, time, actor, CAST(body AS BLOB) FROM commits WHERE position > ? ORDER BY position"
_AT = "SELECT CAST(body AS BLOB) FROM commits WHERE position = ?"
_LAST = "SELECT position, time, CAST(body AS BLOB) FROM commits ORDER BY position DESC LIMIT 1"


def log_exists(url: str) -> bool:
    """Return False if the URL names a SQLite file that does not exist; other logs are taken to exist."""
    path = log_file(url)
    return path is None or os.path.exists(path)  # noqa: PTH110 - pathlib takes 3 ms to load


def log_file(url: str) -> str | None:
    """Return the absolute path of a SQLite log; None for other logs."""
    name = url.removeprefix(_SCHEME)
    return os.path.abspath(name) if name not in (url, "", ":memory:") and "\0" not in name else None  # noqa: PTH100 - as above


class LogReader:
    """One log for the length of a command, opened on first use. Errors as of `Log`."""

    def __init__(self, url: str, cluster: "ApiClient | None", printer: Printer) -> None:
        self.url = url
        self.cluster = cluster
        self._printer = printer
        self._stack = ExitStack()
        self._path = log_file(url)
        self._database: sqlite3.Connection | None = None
        self._backend: Log | None = None
        self._absence_noted = False

    def close(self) -> None:
        """Disconnect."""
        self._stack.close()

    @cached_property
    def restricted(self) -> bool:
        """Whether the user of a cluster may read only a part of the network and of its history."""
        if self.cluster is None:
            return False
        from midonet.cli.session.remote_topology import reads_all

        return not reads_all(self.cluster)

    @property
    def by_position(self) -> bool:
        """Whether a commit is found by its position, and the end of the log, without reading the log."""
        return not self.url.startswith("kafka:")

    def open(self) -> Log:
        """Open the log by its backend, once more; `Unavailable` if there is none."""
        if not log_exists(self.url):
            raise Unavailable(f"there is no log at {redact(self.url)}")
        return self._stack.enter_context(closing(open_log(self.url, read_only=True)))

    def backend(self) -> Log:
        """Return the log by its backend; for a restricted user the part that they may read."""
        if self._backend is None:
            self._backend = self._stack.enter_context(closing(self._open_backend()))
        return self._backend

    def _open_backend(self) -> Log:
        if not self.restricted:
            return open_log(self.url, read_only=True)
        return open_api_log(self.url, partial=True)

    def head(self) -> Head:
        """Return the end of the log."""
        if self._path is not None:
            with suppress(sqlite3.Error):  # the backend reports what is wrong
                row = self._connection().execute(_LAST).fetchone()
                return Head(row[0], sha256(row[2]), row[1]) if row else GENESIS
        return self.backend().head()

    def length(self, after: int) -> Callable[[], int] | None:
        """Return what counts the commits after a position, in any thread; None if that takes reading the log."""

        def count() -> int:
            with closing(open_log(self.url, read_only=True)) as log:
                return log.head().position - after

        return count if self.by_position else None

    def records(self, after: Head = GENESIS, offset_hint: int | None = None) -> Iterator[Record]:
        """Yield the commits after `after`, up to the end as of now; none, with a note, if there is no log yet.

        `offset_hint` is what `self.offset_hint` returned for the position of `after`.
        """
        if log_exists(self.url):
            return self._records(after, offset_hint)
        if not self._absence_noted:
            self._absence_noted = True
            self._printer.note(f"there is no log at {self.url} yet")
        return iter(())

    def _records(self, after: Head, offset_hint: int | None) -> Iterator[Record]:
        last = after
        with suppress(sqlite3.Error):  # the backend reports what is wrong
            rows = self._rows(after) if self._path is not None else [(b"",)]
            for *columns, raw in rows:
                record = extend(last, raw)
                if not isinstance(record, Record) or columns != _columns(record):
                    break
                last = record.head
                yield record
            else:
                return
        yield from self._by_backend(after, offset_hint, last.position)

    def _by_backend(self, after: Head, offset_hint: int | None, last: int) -> Iterator[Record]:
        """Yield the commits beyond `last`; read all: a bad one may fit until its successor is read."""
        log = self.backend()
        if after.position:
            log.seek(Bookmark(after.position, after.hash, offset_hint))
        for record in log.read(after):
            if record.commit.position > last:
                yield record

    def read_at(self, bookmark: Bookmark) -> Record | None:
        """Return the commit of a bookmark if the log still has those very bytes there."""
        if self._path is None:
            return self.backend().read_at(bookmark)
        with suppress(sqlite3.Error):
            row = self._connection().execute(_AT, (bookmark.position,)).fetchone()
            commit = parse(row[0]) if row is not None and sha256(row[0]) == bookmark.hash else None
            if commit is not None and commit.position == bookmark.position:
                return Record(commit, row[0], bookmark.hash)
        return None

    def seek(self, bookmark: Bookmark) -> bool:
        """Let reading begin after a commit; False if the log does not have it."""
        return self.backend().seek(bookmark) if self._path is None else self.read_at(bookmark) is not None

    def offset_hint(self, position: int) -> int | None:
        """Return where the backend has a commit that was read, if its position is not enough to find it."""
        return self._backend.offset_hint(position) if self._backend is not None else None

    def _rows(self, after: Head) -> Iterable[Sequence[Any]]:
        database = self._connection()
        if after.position:
            row = database.execute(_AT, (after.position,)).fetchone()
            if row is None or sha256(row[0]) != after.hash:  # the log does not have what the reader has seen
                return [(b"",)]
        return database.execute(_AFTER, (after.position,))

    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            uri = file_uri(self._path or "", "ro")
            self._database = sqlite3.connect(uri, uri=True, isolation_level=None)
            self._stack.callback(self._database.close)
        return self._database


def _columns(record: Record) -> list[object]:
    commit = record.commit
    return [commit.position, commit.id, commit.time, commit.actor]
