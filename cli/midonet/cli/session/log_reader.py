"""Read a log as quickly as it can be: SQLite without a database library, which a one-shot read would mostly wait for.

It reads as contract §1 lets any program read. Whatever it does not understand (another backend, a locked or damaged
file, a commit that does not fit) it leaves to `midonet.events.log`, which knows what is wrong and says so.
"""

import os.path
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.log import Bookmark, Log, file_uri, open_log
from midonet.events.log.hash_chain import extend, parse

_SCHEME = "sqlite:///"
_AFTER = "SELECT position, id, time, actor, CAST(body AS BLOB) FROM commits WHERE position > ? ORDER BY position"
_AT = "SELECT CAST(body AS BLOB) FROM commits WHERE position = ?"
_LAST = "SELECT position, time, CAST(body AS BLOB) FROM commits ORDER BY position DESC LIMIT 1"


def absent(url: str) -> bool:
    """Return whether the URL names a SQLite file that nobody has made yet."""
    path = place(url)
    return path is not None and not os.path.exists(path)  # noqa: PTH110 - pathlib takes 3 ms to load


def place(url: str) -> str | None:
    """Return the whole path of a SQLite log."""
    name = url.removeprefix(_SCHEME)
    return os.path.abspath(name) if name not in (url, "", ":memory:") and "\0" not in name else None  # noqa: PTH100 - as above


class Reading:
    """One log for the length of an invocation; opened when something is asked of it. Errors as of `Log`."""

    def __init__(self, url: str, log: Log | None = None) -> None:
        self._url = url
        self._path = place(url)
        self._database: sqlite3.Connection | None = None
        self._log = log

    @property
    def by_key(self) -> bool:
        """Whether a position alone is enough to find a commit at once, and the end of the log."""
        return self._path is not None or not self._url.startswith("kafka:")

    def log(self) -> Log:
        """Open the log by its own backend."""
        if self._log is None:
            self._log = open_log(self._url, create=False)
        return self._log

    def close(self) -> None:
        """Disconnect."""
        if self._database is not None:
            self._database.close()
        if self._log is not None:
            self._log.close()

    def head(self) -> Head:
        """Return the end of the log."""
        if self._path is not None:
            with suppress(sqlite3.Error):  # the real backend says what is wrong
                row = self._connection().execute(_LAST).fetchone()
                return Head(row[0], sha256(row[2]), row[1]) if row else GENESIS
        return self.log().head()

    def length(self, after: int) -> Callable[[], int] | None:
        """Return what tells how many commits there are after a position, also in another thread; None: nobody knows."""

        def ask() -> int:
            with closing(Reading(self._url)) as other:
                return other.head().position - after

        return ask if self.by_key else None

    def records(self, after: Head = GENESIS, where: int | None = None) -> Iterator[Record]:
        """Yield every accepted commit after `after`, which `Log.place` said to be `where`, up to the end as of now."""
        last = after
        with suppress(sqlite3.Error):  # the real backend says what is wrong
            rows = self._rows(after) if self._path is not None else [(b"",)]
            for *columns, raw in rows:
                record = extend(last, raw)
                if not isinstance(record, Record) or columns != _columns(record):
                    break
                last = record.head
                yield record
            else:
                return
        yield from self._slowly(after, where, last.position)

    def _slowly(self, after: Head, where: int | None, last: int) -> Iterator[Record]:
        """Yield the commits beyond `last`; read all: a bad one may have looked well before its successor was seen."""
        log = self.log()
        if after.position:
            log.seek(Bookmark(after.position, after.hash, where))
        for record in log.read(after):
            if record.commit.position > last:
                yield record

    def read_at(self, bookmark: Bookmark) -> Record | None:
        """Return the commit of a bookmark if the log still has those very bytes there."""
        if self._path is None:
            return self.log().read_at(bookmark)
        with suppress(sqlite3.Error):
            row = self._connection().execute(_AT, (bookmark.position,)).fetchone()
            commit = parse(row[0]) if row is not None and sha256(row[0]) == bookmark.hash else None
            if commit is not None and commit.position == bookmark.position:
                return Record(commit, row[0], bookmark.hash)
        return None

    def seek(self, bookmark: Bookmark) -> bool:
        """Return whether the log has a commit where it was; reading may begin there."""
        return self.log().seek(bookmark) if self._path is None else self.read_at(bookmark) is not None

    def offset_hint(self, position: int) -> int | None:
        """Return where the backend keeps a commit that was read, if a position is not enough."""
        return self._log.offset_hint(position) if self._log is not None else None

    def _rows(self, after: Head) -> Iterable[Sequence[Any]]:
        database = self._connection()
        if after.position:
            row = database.execute(_AT, (after.position,)).fetchone()
            if row is None or sha256(row[0]) != after.hash:  # the log does not have what the reader has seen
                return [(b"",)]
        return database.execute(_AFTER, (after.position,))

    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = sqlite3.connect(file_uri(self._path or "", "ro"), uri=True, isolation_level=None)
        return self._database


def _columns(record: Record) -> list[object]:
    commit = record.commit
    return [commit.position, commit.id, commit.time, commit.actor]
