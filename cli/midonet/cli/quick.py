"""Read a SQLite log without loading a database library, which a one-shot read would mostly wait for.

It reads as contract §1 lets any program read. Whatever it does not understand (another backend, a locked or damaged
file, a commit that does not fit) it leaves to `midonet.events.log`, which knows what is wrong and says so.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from midonet.events.chain import extend
from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.log import open_log

__all__ = ["absent", "head", "place", "records"]

_SCHEME = "sqlite:///"
_AFTER = "SELECT position, id, time, actor, CAST(body AS BLOB) FROM commits WHERE position > ? ORDER BY position"
_AT = "SELECT CAST(body AS BLOB) FROM commits WHERE position = ?"
_LAST = "SELECT position, time, CAST(body AS BLOB) FROM commits ORDER BY position DESC LIMIT 1"


def absent(url: str) -> bool:
    """Return whether the URL names a SQLite file that nobody has made yet."""
    path = _path(url)
    return path is not None and not path.exists()


def place(url: str) -> str | None:
    """Return the whole path of a SQLite log."""
    path = _path(url)
    return str(path) if path is not None else None


def head(url: str) -> Head:
    """Return the end of the log; errors as of `Log.head`."""
    path = _path(url)
    if path is not None:
        try:
            with closing(_connect(path)) as database:
                row = database.execute(_LAST).fetchone()
            return Head(row[0], sha256(row[2]), row[1]) if row else GENESIS
        except sqlite3.Error:
            pass  # the real backend says what is wrong
    with closing(open_log(url, create=False)) as log:
        return log.head()


def records(url: str, after: Head = GENESIS) -> Iterator[Record]:
    """Yield every accepted commit after `after` up to the end as of now; errors as of `Log.read`."""
    last, path = after, _path(url)
    if path is not None:
        try:
            with closing(_connect(path)) as database:
                rows = database.execute(_AFTER, (after.position,)) if _holds(database, after) else [(b"",)]
                for *columns, raw in rows:
                    record = extend(last, raw)
                    if not isinstance(record, Record) or columns != _columns(record):
                        break
                    last = record.head
                    yield record
                else:
                    return
        except sqlite3.Error:
            pass  # the real backend says what is wrong
    with closing(open_log(url, create=False)) as log:
        for record in log.read(
            after
        ):  # from the start: a bad commit may have looked well before its successor was seen
            if record.commit.position > last.position:
                yield record


def _holds(database: sqlite3.Connection, head: Head) -> bool:
    """Return whether the log has a commit where a reader has seen it."""
    row = database.execute(_AT, (head.position,)).fetchone() if head.position else None
    return head.position == 0 or (row is not None and sha256(row[0]) == head.hash)


def _columns(record: Record) -> list[object]:
    commit = record.commit
    return [commit.position, commit.id, commit.time, commit.actor]


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)


def _path(url: str) -> Path | None:
    name = url.removeprefix(_SCHEME)
    return Path(name).absolute() if name not in (url, "", ":memory:") else None
