"""The log as a table, on SQLAlchemy Core: one row per commit, one transaction per batch.

Statements come from `sql_statements.py` and run on the driver's own cursors: a single durable append then costs little
more than its fsync. Nothing here may write a row that does not extend the chain.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from time import monotonic
from typing import Any, TypeVar

from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.errors import Conflict, NoLog, NotFound, Tampered
from midonet.events.log.backends.sql_backend import Connection, Cursor, Database
from midonet.events.log.base import Bookmark, Progress
from midonet.events.log.hash_chain import Skipped, extend, parse
from midonet.events.log.integrity import check_batch, diverged, head_moved, lost_commits, same, tampered

T = TypeVar("T")
Row = tuple[int, str, str, str, bytes]
"""Position, command id, time, actor and bytes, as stored."""

_CHUNK_BYTES = 16 * 1024 * 1024
_FETCHED = 100
_ENDLESS = 2**63 - 1
"""More than any position."""


def _all(cursor: Cursor) -> list[Row]:
    return list(cursor.fetchall())


def _chunk(cursor: Cursor) -> list[Row]:
    """Return the first rows, up to a number of bytes that fits in memory."""
    rows: list[Row] = []
    size = 0
    while size < _CHUNK_BYTES and (some := cursor.fetchmany(_FETCHED)):
        rows += some
        size += sum(len(row[-1]) for row in some)
    return rows


class SqlLog:
    """A `Log` in the table `commits` of an SQL server."""

    skipped = 0
    """Every row must extend the chain: none is skipped."""

    def __init__(self, database: Database, *, create: bool) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._last_appended: tuple[int, int, str] | None = None
        """What this connection appended last: version of the database, position, hash. It saves reading a large
        commit again only to see that it is still the last one.
        """
        self._sql = {**database.statements, "exists": database.exists}
        self._open(create=create)

    @property
    def url(self) -> str:
        """The address of the log, without any password."""
        return self._database.url

    def _open(self, *, create: bool) -> None:
        if self._fetch("exists"):
            return
        if not create:
            self.close()
            raise NoLog(f"there is no log at {self.url}", url=self.url)
        with suppress(Conflict), self._transaction() as cursor:  # several clients may create it at once
            cursor.execute(self._sql["create"])

    # Reading

    def head(self) -> Head:
        """Return the end of the log as of now."""
        rows = self._fetch("last")
        return _head(rows[0]) if rows else GENESIS

    def head_at(self, position: int) -> Head:
        """Return the head as it was at `position`; `NotFound` beyond the end."""
        if position == 0:
            return GENESIS
        rows = self._fetch("at", position=position)
        if rows:
            return _head(rows[0])
        end = self._end()
        if 0 < position < end:
            raise tampered(position, f"commit {position} is missing")
        raise NotFound(f"there is no position {position}: the log ends at {end}", position=position, end=end)

    def find(self, command_id: str) -> Record | None:
        """Return the commit of a command id, or None if the log up to its present end has none."""
        try:
            rows = self._fetch("by_id", id=command_id)
        except UnicodeEncodeError:  # not text, so no commit can have it
            return None
        return _record_of(rows[0]) if rows else None

    def offset_hint(self, position: int) -> int | None:
        """Return None: the position is the key."""
        del position
        return None

    def read_at(self, bookmark: Bookmark) -> Record | None:
        """Return the commit of a bookmark if those very bytes are still there; None if not."""
        rows = self._fetch("at", position=bookmark.position)
        return _record_of(rows[0]) if rows and sha256(rows[0][-1]) == bookmark.hash else None

    def seek(self, bookmark: Bookmark) -> bool:
        """Return whether the log has that commit; every position is found directly."""
        return self.read_at(bookmark) is not None

    def read(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield the accepted commits after `after`, up to the end as of now."""
        yield from self._read(after, self._end())

    def _read(self, after: Head, end: int) -> Iterator[Record]:
        head, rows = after, self._rows_after(after, end)
        while head.position < end:
            for record in self._accepted(head, rows or self._between(head.position, end), trusted=after.position):
                head = record.head
                yield record
            rows = []

    def follow(self, after: Head, *, stopped: Callable[[], bool], idle: float = 1.0) -> Iterator[Record | Progress]:
        """Yield as `read` does, and continue with what is appended later, until `stopped()`."""
        head, due, notified = after, 0.0, True
        record: Record | None
        with self._database.subscribe() as subscribe:
            while not stopped():
                if notified or self._end() != head.position:  # saves a query per commit
                    for record in self._accepted(head, self._rows_after(head, _ENDLESS), trusted=head.position):
                        head, due = record.head, 0.0
                        yield record
                        if stopped():
                            return
                    record, notified = None, False  # frees a large commit now, not at the next one
                    continue
                if monotonic() >= due:
                    due = monotonic() + idle
                    yield Progress(head)
                notified = subscribe.wait(max(0.0, min(subscribe.interval, due - monotonic())))

    def _end(self) -> int:
        return self._fetch("end")[0][0] or 0

    def _rows_after(self, after: Head, end: int) -> list[Row]:
        """Return the first rows after `after`; the same query checks that the log holds `after` as well."""
        if not after.position:
            return self._fetch("between", _chunk, after=0, end=end)
        known, *rows = self._fetch("between", _chunk, after=after.position - 1, end=end) or self._lost(after)
        found = _head(known)
        if found.position != after.position:
            raise tampered(after.position, f"commit {after.position} is missing, the next is {found.position}")
        if not same(found, after):
            raise diverged(after, found.hash)
        return rows

    def _lost(self, after: Head) -> list[Row]:
        """Raise the error for a log that has nothing at or after a head that it had."""
        end = self._end()
        if end < after.position:
            raise lost_commits(after, end)
        raise tampered(after.position, f"commit {after.position} is missing")

    def _between(self, after: int, end: int) -> list[Row]:
        rows = self._fetch("between", _chunk, after=after, end=end)
        if not rows:
            raise tampered(after + 1, f"commit {after + 1} is missing")
        return rows

    def _accepted(self, head: Head, rows: Sequence[Row], *, trusted: int) -> Iterator[Record]:
        for row in rows:
            record = self._accept(head, row, trusted=trusted)
            head = record.head
            yield record

    def _accept(self, head: Head, row: Row, *, trusted: int) -> Record:
        position, command_id, time, actor, raw = row
        expected = head.position + 1
        if position != expected:
            raise tampered(expected, f"commit {expected} is missing, the next is {position}")
        record = extend(head, raw)
        if isinstance(record, Skipped):
            raise self._broken(head, record, trusted=trusted)
        commit = record.commit
        if (command_id, time, actor) != (commit.id, commit.time, commit.actor):
            raise tampered(position, f"columns of commit {position} (id, time, actor) differ from its bytes")
        return record

    def _broken(self, head: Head, bad: Skipped, *, trusted: int) -> Tampered:
        """Return the error for two adjacent commits that do not fit; the commit after them decides which is bad."""
        known, position = head.position, head.position + 1
        if bad.reason == "not-a-commit":
            return tampered(position, f"what is stored as commit {position} is not a commit")
        if bad.reason == "position":
            return tampered(position, f"what is stored as commit {position} is commit {bad.position}")
        if known == trusted:
            return tampered(position, f"commit {position} does not hold the hash of commit {known}")
        rows = self._fetch("at", position=position + 1)
        after = parse(rows[0][-1]) if rows else None
        if after is None or after.prev == bad.hash:
            return tampered(known, f"its bytes no longer have the hash that commit {position} holds")
        return tampered(
            position,
            f"it does not hold the hash of commit {known}, nor has it the hash that commit {position + 1} holds",
        )

    # Writing

    def append(self, head: Head, batch: Sequence[bytes | Record]) -> int:
        """Append commits that extend `head` in order, all of them or none."""
        records = check_batch(head, batch)
        try:
            inserted = self._insert(head, records)
        except Conflict:  # another writer took the position, or the id is taken
            if same(self.head(), head):
                raise
            inserted = False
        if not inserted:
            raise head_moved(head, self.read(head))
        self._database.notify()
        return len(records)

    def _insert(self, head: Head, records: Sequence[Record]) -> bool:
        with self._transaction() as cursor:
            version = self._database.version(cursor)
            if self._last_appended != (version, head.position, head.hash) and not self._ends_with(cursor, head):
                return False
            cursor.executemany(self._sql["insert"], [_values(record) for record in records])
            self._database.notify_in_transaction(cursor)
        self._last_appended = (version, records[-1].commit.position, records[-1].hash) if version is not None else None
        return True

    def _ends_with(self, cursor: Cursor, head: Head) -> bool:
        cursor.execute(self._sql["last"])
        last = cursor.fetchone()
        return same(_head(last) if last else GENESIS, head)

    # The connection

    def close(self) -> None:
        """Release the connection."""
        connection, self._connection, self._last_appended = self._connection, None, None
        if connection is not None:
            with suppress(self._database.driver_error):
                connection.rollback()  # a cursor that is still referenced keeps SQLite's locks beyond close
            with suppress(self._database.driver_error):
                connection.close()

    def _fetch(self, name: str, take: Callable[[Cursor], list[Row]] = _all, **values: Any) -> list[Row]:
        def work(cursor: Cursor) -> list[Row]:
            with closing(cursor):
                cursor.execute(self._sql[name], values)
                return take(cursor)

        try:
            return self._on_connection(work)
        except self._database.driver_error as error:
            self.close()
            raise self._database.failure(error, committing=False) from error

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        committing = False
        try:
            cursor = self._on_connection(self._begin)
            yield cursor
            committing = True
            cursor.execute("COMMIT")
        except self._database.driver_error as error:
            self.close()
            raise self._database.failure(error, committing=committing) from error
        except BaseException:
            self.close()
            raise

    def _begin(self, cursor: Cursor) -> Cursor:
        cursor.execute(self._database.begin)
        return cursor

    def _on_connection(self, work: Callable[[Cursor], T]) -> T:
        """Start a transaction with `work`; on a new connection if the present one was lost while unused."""
        if self._connection is not None:
            try:
                if not self._database.lost(self._connection):
                    return work(self._connection.cursor())
            except self._database.driver_error:
                if not self._database.lost(self._connection):
                    raise
            self.close()
        self._connection = self._database.connect()
        return work(self._connection.cursor())


def _head(row: Row) -> Head:
    position, _, time, _, raw = row
    return Head(position, sha256(raw), time)


def _record_of(row: Row) -> Record:
    """Return a row as a record without checking its neighbours."""
    position, command_id, *_, raw = row
    commit = parse(raw)
    if commit is None or (commit.position, commit.id) != (position, command_id):
        raise tampered(position, f"what is stored as commit {position} is not that commit")
    return Record(commit, raw, sha256(raw))


def _values(record: Record) -> dict[str, Any]:
    commit = record.commit
    return {
        "position": commit.position,
        "id": commit.id,
        "time": commit.time,
        "actor": commit.actor,
        "body": record.raw,
    }
