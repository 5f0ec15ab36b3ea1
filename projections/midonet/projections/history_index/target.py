"""The history index as the target of a projection, which a runner keeps at the head of the log.

Its content depends on the commits, not on the topology, so the target reads them from the log. Checkpoint, fencing and
status are those of every target.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

from midonet.events.commit import GENESIS, Record
from midonet.events.errors import MidonetError, Unavailable
from midonet.events.log import Log
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.base import Checkpoint, Fenced
from midonet.projections.history_index.backend import CorruptIndex, Database, Unusable
from midonet.projections.history_index.index import Index, Overtaken
from midonet.projections.history_index.writer import IndexWriter

_BATCH = 1_000


class HistoryProjection:
    """A projection without keys."""

    name = "history"

    def attach(self, topology: Topology) -> None:
        """Do nothing."""

    def apply(self, changes: Sequence[Change]) -> Iterable[str]:
        """Return nothing."""
        del changes
        return ()

    def keys(self) -> Iterable[str]:
        """Return nothing."""
        return ()

    def render(self, key: str) -> str | None:
        """Return nothing."""
        del key
        return None


class HistoryTarget:
    """One index, updated from the log that `open_log` opens."""

    def __init__(self, open_log: Callable[[], Log], open_database: Callable[[], Database]) -> None:
        self._open_log = open_log
        self._open_database = open_database
        self._log: Log | None = None
        self._database: Database | None = None
        self._writer: IndexWriter | None = None
        self._stopped = False
        self.position = 0
        """The last known checkpoint of the index; it also advances during a long write."""
        self.writing = False
        """Whether a write is in progress."""

    def stop(self) -> None:
        """Let a write that is in progress end soon; called by any thread."""
        self._stopped = True

    def on_change(self, wake: Callable[[], None]) -> None:
        """Do nothing: only writers of the index change it."""

    def drifted(self) -> bool:
        """Return False: every other writer moves the checkpoint."""
        return False

    def load(self) -> tuple[Checkpoint, Mapping[str, str]]:
        """Connect; empty the index if it belongs to another log: it is a cache."""
        with self._failures():
            log, index = self._connect()
            writer = IndexWriter(index, log.read_at)
            if writer.checkpoint.head.position and not log.seek(writer.checkpoint.bookmark):
                index.clear()
                writer = IndexWriter(index, log.read_at)
        self._writer = writer
        return self._reached(writer), {}

    def peek(self) -> Checkpoint:
        """Return the present checkpoint of the index."""
        with self._failures():
            _, index = self._connect()
            found = index.checkpoint()
        self.position = found.head.position if found is not None else 0
        return Checkpoint(found.head.position, found.head.hash) if found is not None else Checkpoint()

    def write(self, delta: Mapping[str, str | None], checkpoint: Checkpoint) -> None:
        """Index the commits up to a checkpoint, in several transactions; completed ones remain after an error."""
        del delta
        writer = self._writer
        if writer is None or self._log is None:
            raise Fenced("the index must be read first")
        missing = checkpoint.position - writer.checkpoint.head.position
        with self._failures(), self._busy():
            records = islice(self._log.read(writer.checkpoint.head), max(0, missing))
            for batch in _batches(records):
                writer.write(batch, self._log.offset_hint)
                self._reached(writer)
                if self._stopped:
                    raise Unavailable("the service is stopping")

    def close(self) -> None:
        """Close the connections."""
        self._disconnect()

    def _connect(self) -> tuple[Log, Index]:
        if self._database is None:
            self._database = self._open_database()
        if self._log is None:
            self._log = self._open_log()
        return self._log, Index(self._database)

    def _reached(self, writer: IndexWriter) -> Checkpoint:
        head = writer.checkpoint.head if writer.checkpoint.head.position else GENESIS
        self.position = head.position
        return Checkpoint(head.position, head.hash)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self.writing = True
        try:
            yield
        finally:
            self.writing = False

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Convert errors of databases to those of targets; after an error, connect again."""
        try:
            yield
        except Overtaken as error:
            self._writer = None
            raise Fenced(str(error)) from error
        except CorruptIndex as error:
            self._reset_index()
            raise Unavailable(f"the index is corrupt and is rebuilt: {error}") from error
        except (Unusable, OSError) as error:
            self._disconnect()
            raise Unavailable(f"the index cannot be used: {error}") from error
        except MidonetError:
            self._disconnect()
            raise

    def _reset_index(self) -> None:
        """Empty an index that contradicts its log."""
        database, self._writer = self._database, None
        try:
            if database is not None:
                Index(database).clear()
        except Unusable:
            self._disconnect()

    def _disconnect(self) -> None:
        log, database = self._log, self._database
        self._log = self._database = self._writer = None
        for connection in (log, database):
            if connection is not None:
                connection.close()


def _batches(records: Iterator[Record]) -> Iterator[Sequence[Record]]:
    while batch := list(islice(records, _BATCH)):
        yield batch
