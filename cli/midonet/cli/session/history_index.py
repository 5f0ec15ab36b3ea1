"""The history index as midoctl uses it: found, brought up to date and checked against the log, or done without.

It makes questions about the past quick, and nothing else: whatever is wrong with it costs the time of a scan. The one
in the user's cache is this program's own; one that a cluster keeps (`--history`) is only read.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from fcntl import LOCK_EX, flock
from itertools import islice
from typing import NamedTuple

from midonet.cli.output.progress import progress
from midonet.cli.output.sanitize import hide_secrets
from midonet.cli.session import log_reader
from midonet.events.commit import Record
from midonet.events.errors import Diverged, LostCommits, VerificationFailed
from midonet.projections.history_index.backend import Damaged, Database, Unusable
from midonet.projections.history_index.factory import open_database
from midonet.projections.history_index.index import Checkpoint, Index, Overtaken
from midonet.projections.history_index.reader import Past
from midonet.projections.history_index.sqlite import SqliteFile

_TAIL = 200
"""Commits that are looked through rather than indexed: that is as quick as to write them down."""
_LONGEST_TAIL = 20_000
"""Commits that a cluster's index may lack before it is no help."""
_BATCH = 2_000
_ATTEMPTS = 5
"""How often the index may be spoilt or another process be faster before this one does without."""


class Source(NamedTuple):
    """Where a log is read, and where its index may be."""

    log: log_reader.Reading
    folder: str
    """Of the user's cache for this log."""
    shared: str | None
    """Address of an index that a cluster keeps."""
    note: Callable[[str], None]
    """Tells a person something."""


def opened(source: Source) -> Past | None:
    """Return the past of a log up to its end as of now; None if there is no index worth the name."""
    if source.shared:
        try:
            return _shared(source, source.shared)
        except Unusable as error:
            source.note(f"the history index at {hide_secrets(source.shared)} is no help: {error}")
    for _ in range(_ATTEMPTS):
        try:
            return _own(source)
        except Damaged:
            discard(source)
        except Overtaken:
            continue
        except (Unusable, VerificationFailed):  # it is only a cache; and not every question needs the whole log
            break
    return None


def discard(source: Source) -> None:
    """Empty the index in the user's cache; remove its file only if it is none: another process may be using it."""
    path = _path(source)
    with suppress(OSError, Unusable):
        try:
            with closing(SqliteFile(path, write=True)) as database:
                Index(database).clear()
        except Damaged:
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    os.unlink(path + suffix)  # noqa: PTH108 - pathlib takes 3 ms to load


def _path(source: Source) -> str:
    return f"{source.folder}/history.db"


def _own(source: Source) -> Past | None:
    """Use the index in the cache, after it was brought up to date if it lacks much."""
    path = _path(source)
    if os.path.exists(path):  # noqa: PTH110 - as above
        past = _at_hand(source, SqliteFile(path, write=False), _TAIL)
        if past is not None:
            return past
    elif len(list(islice(source.log.records(), _TAIL + 1))) <= _TAIL:
        return None
    with _locked(source.folder), closing(SqliteFile(path, write=True)) as database:
        _bring_up_to_date(source, Index(database))
    return _at_hand(source, SqliteFile(path, write=False), _LONGEST_TAIL)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Wait for another midoctl that is at it: two would be no faster."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
        lock = os.open(f"{folder}/history.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unusable(str(error)) from error
    try:
        with progress("waiting for another midoctl, which indexes the history"), suppress(OSError):
            flock(lock, LOCK_EX)
        yield
    finally:
        os.close(lock)


def _at_hand(source: Source, database: Database, longest: int) -> Past | None:
    """Return the past if the index lacks no more than some commits; `Damaged` if it is not of this log."""
    index = Index(database)
    try:
        checkpoint = index.checkpoint()
        if checkpoint is not None:
            _check(source, checkpoint)
            tail = list(islice(_after(source, checkpoint), longest + 1))
            if len(tail) <= longest:
                return Past(index, checkpoint, tail, source.log.read_at)
    except Unusable:
        database.close()
        raise
    database.close()
    return None


def _check(source: Source, checkpoint: Checkpoint) -> None:
    if checkpoint.head.position and not source.log.seek(checkpoint.bookmark):
        raise Damaged(f"the log does not have the commit {checkpoint.head.position} that the index has seen")


def _after(source: Source, checkpoint: Checkpoint) -> Iterator[Record]:
    try:
        yield from source.log.records(checkpoint.head, checkpoint.place)
    except (Diverged, LostCommits) as error:
        raise Damaged(error.message) from error


def _bring_up_to_date(source: Source, index: Index) -> None:
    """Index what is missing; what was indexed stays, whenever this ends."""
    from midonet.projections.history_index.writer import IndexWriter

    writer = IndexWriter(index, source.log.read_at)
    _check(source, writer.checkpoint)
    start = writer.checkpoint.head.position
    with progress("indexing the history", source.log.length(start)) as step:
        records = _after(source, writer.checkpoint)
        while batch := list(islice(records, _BATCH)):
            writer.write(batch, source.log.offset_hint)
            step(len(batch))


def _shared(source: Source, url: str) -> Past:
    past = _at_hand(source, open_database(url, write=False), _LONGEST_TAIL)
    if past is None:
        raise Unusable("it is another release's, or far behind")
    return past
