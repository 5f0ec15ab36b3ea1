"""The history index as midoctl uses it: opened, brought up to date and checked against the log.

The index is a cache: queries on it are fast, and without a usable one the log is scanned. midoctl writes the one in the
user's cache; one that a cluster keeps (`--history`) is only read.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from fcntl import LOCK_EX, flock
from itertools import islice
from typing import NamedTuple, TypeVar

from midonet.cli.output.progress import progress
from midonet.cli.session.log_reader import LogReader
from midonet.events.commit import Record
from midonet.events.errors import Diverged, LostCommits, VerificationFailed
from midonet.events.redaction import redact
from midonet.projections.history_index.backend import CorruptIndex, Database, Unusable
from midonet.projections.history_index.factory import open_database
from midonet.projections.history_index.index import Checkpoint, Index, Overtaken
from midonet.projections.history_index.reader import IndexReader
from midonet.projections.history_index.sqlite import SqliteFile

T = TypeVar("T")

_TAIL = 200
"""Commits behind the index that are scanned: up to so many that takes no longer than to index them."""
_LONGEST_TAIL = 20_000
"""Commits that a cluster's index may lack; beyond that a scan of the log is used instead."""
_BATCH = 2_000
_ATTEMPTS = 5
"""Attempts to open the index while it is found corrupt or another process writes it."""


class Source(NamedTuple):
    """Where a log is read, and where its index may be."""

    log: LogReader
    folder: str
    """The folder for this log in the user's cache."""
    shared: str | None
    """Address of an index that a cluster keeps."""
    note: Callable[[str], None]
    """Prints a message for people."""


class HistoryIndex:
    """The index of one log for the length of a command, opened by the first query."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._past: IndexReader | None = None
        self._opened = False

    def query(self, answer: Callable[[IndexReader], T], scan: Callable[[], T]) -> T:
        """Return an answer from the index; without a usable index, that of `scan`.

        An index that contradicts the log is discarded; the scan then shows whether the log is at fault.
        """
        try:
            if not self._opened:
                self._opened = True
                self._past = _open(self._source)
            if self._past is not None:
                return answer(self._past)
        except CorruptIndex:
            self.close()
            discard(self._source)
        except Unusable:
            self.close()
        return scan()

    def close(self) -> None:
        """Close the index."""
        past, self._past = self._past, None
        if past is not None:
            past.close()


def _open(source: Source) -> IndexReader | None:
    """Return the history up to the end of the log as of now; None without a usable index."""
    if source.shared:
        try:
            return _shared(source, source.shared)
        except Unusable as error:
            source.note(f"the history index at {redact(source.shared)} is not used: {error}")
    for _ in range(_ATTEMPTS):
        try:
            return _own(source)
        except CorruptIndex:
            discard(source)
        except Overtaken:
            continue
        except (Unusable, VerificationFailed):  # it is only a cache; and not every query needs the whole log
            break
    return None


def discard(source: Source) -> None:
    """Empty the index in the user's cache; remove only a file that is no index: another process may be using it."""
    path = _path(source)
    with suppress(OSError, Unusable):
        try:
            with closing(SqliteFile(path, write=True)) as database:
                Index(database).clear()
        except CorruptIndex:
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    os.unlink(path + suffix)  # noqa: PTH108 - pathlib takes 3 ms to load


def _path(source: Source) -> str:
    return f"{source.folder}/history.db"


def _own(source: Source) -> IndexReader | None:
    """Return the history by the index in the cache, which is brought up to date if it lacks more than a few commits."""
    path = _path(source)
    if os.path.exists(path):  # noqa: PTH110 - as above
        past = _if_recent(source, SqliteFile(path, write=False), _TAIL)
        if past is not None:
            return past
    elif len(list(islice(source.log.records(), _TAIL + 1))) <= _TAIL:
        return None
    with _locked(source.folder), closing(SqliteFile(path, write=True)) as database:
        _bring_up_to_date(source, Index(database))
    return _if_recent(source, SqliteFile(path, write=False), _LONGEST_TAIL)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Hold the lock of the index: one process indexes, the others wait for it."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
        lock = os.open(f"{folder}/history.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unusable(str(error)) from error
    try:
        with progress("waiting for another midoctl to index the history"), suppress(OSError):
            flock(lock, LOCK_EX)
        yield
    finally:
        os.close(lock)


def _if_recent(source: Source, database: Database, longest: int) -> IndexReader | None:
    """Return the history if the index lacks at most `longest` commits; `CorruptIndex` if it is not of this log."""
    index = Index(database)
    try:
        checkpoint = index.checkpoint()
        if checkpoint is not None:
            _check(source, checkpoint)
            tail = list(islice(_after(source, checkpoint), longest + 1))
            if len(tail) <= longest:
                return IndexReader(index, checkpoint, tail, source.log.read_at)
    except Unusable:
        database.close()
        raise
    database.close()
    return None


def _check(source: Source, checkpoint: Checkpoint) -> None:
    if checkpoint.head.position and not source.log.seek(checkpoint.bookmark):
        raise CorruptIndex(f"the log does not have the commit {checkpoint.head.position} that the index has seen")


def _after(source: Source, checkpoint: Checkpoint) -> Iterator[Record]:
    try:
        yield from source.log.records(checkpoint.head, checkpoint.place)
    except (Diverged, LostCommits) as error:
        raise CorruptIndex(error.message) from error


def _bring_up_to_date(source: Source, index: Index) -> None:
    """Index what is missing, batch by batch: an interruption loses one batch."""
    from midonet.projections.history_index.writer import IndexWriter

    writer = IndexWriter(index, source.log.read_at)
    _check(source, writer.checkpoint)
    start = writer.checkpoint.head.position
    with progress("indexing the history", source.log.length(start)) as step:
        records = _after(source, writer.checkpoint)
        while batch := list(islice(records, _BATCH)):
            writer.write(batch, source.log.offset_hint)
            step(len(batch))


def _shared(source: Source, url: str) -> IndexReader:
    past = _if_recent(source, open_database(url, write=False), _LONGEST_TAIL)
    if past is None:
        raise Unusable("another release wrote it, or it is too far behind")
    return past
