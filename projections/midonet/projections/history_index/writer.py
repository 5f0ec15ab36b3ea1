"""Brings an index further, commit by commit: what every home of an index does, whoever runs it."""

from collections.abc import Callable, Sequence

from midonet.events.commit import Record
from midonet.projections.history_index.index import Checkpoint, Index, State
from midonet.projections.history_index.reader import Past, Recall
from midonet.projections.history_index.rows import Entries, Known


class IndexWriter:
    """Adds to an index from its checkpoint on. After an error, make a new one."""

    def __init__(self, index: Index, recall: Recall) -> None:
        self._index = index
        self._recall = recall
        self.checkpoint = index.prepare()
        known = Known(index.word, index.number, self._state, index.untold)
        words, objects = index.largest("history_words"), index.largest("history_objects")
        self._entries = Entries(known, words, objects, self.checkpoint.latest)

    def write(self, records: Sequence[Record], place: Callable[[int], int | None]) -> None:
        """Add the next commits, in one transaction; `place` is the log's."""
        for record in records:
            self._entries.add(record, place(record.commit.position))
        last = records[-1].head
        reached = Checkpoint(last, self._entries.latest, place(last.position))
        self._index.write(self.checkpoint, reached, self._entries.take())
        self.checkpoint = reached

    def _state(self, kind: str, object_id: str, upto: int) -> State | None:
        found = Past(self._index, self.checkpoint, (), self._recall).state(f"{kind}/{object_id}", upto)
        return found[0] if found is not None else None
