"""Adds commits to an index in any database."""

from collections.abc import Callable, Sequence

from midonet.events.commit import Record
from midonet.projections.history_index.index import Checkpoint, Index, State
from midonet.projections.history_index.reader import IndexReader, ReadCommit
from midonet.projections.history_index.rows import IndexedSoFar, RowBuilder


class IndexWriter:
    """Adds commits to an index after its checkpoint. After an error, create a new writer."""

    def __init__(self, index: Index, read_commit: ReadCommit) -> None:
        self._index = index
        self._read_commit = read_commit
        self.checkpoint = index.prepare()
        indexed = IndexedSoFar(index.word, index.number, self._state, index.touches_since_version)
        words, objects = index.largest("history_words"), index.largest("history_objects")
        self._rows = RowBuilder(indexed, words, objects, self.checkpoint.latest)

    def write(self, records: Sequence[Record], place: Callable[[int], int | None]) -> None:
        """Add the next commits, in one transaction; `place` is the location in the log."""
        for record in records:
            self._rows.add(record, place(record.commit.position))
        last = records[-1].head
        reached = Checkpoint(last, self._rows.latest, place(last.position))
        self._index.write(self.checkpoint, reached, self._rows.drain())
        self.checkpoint = reached

    def _state(self, kind: str, object_id: str, upto: int) -> State | None:
        found = IndexReader(self._index, self.checkpoint, (), self._read_commit).state(f"{kind}/{object_id}", upto)
        return found[0] if found is not None else None
