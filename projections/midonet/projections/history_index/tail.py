"""The commits that an index lacks: few, scanned in memory."""

from collections.abc import Callable, Sequence

from midonet.events.commit import Record
from midonet.projections.history_index.index import State


class Tail:
    """The commits of a tail by object."""

    def __init__(self, tail: Sequence[Record], label: Callable[[str], State | None]) -> None:
        """`label` returns the name of an object before the tail, by its id."""
        self.touches: dict[str, list[int]] = {}
        self.states: dict[str, list[tuple[int, State]]] = {}
        """Id → position and the name from there on."""
        self._label = label
        for record in tail:
            self._add(record)

    def _add(self, record: Record) -> None:
        from midonet.events.model import KINDS
        from midonet.projections.history_index.rows import next_state, touched

        position = record.commit.position
        for key, events in touched(record.commit).items():
            kind, _, object_id = key.partition("/")
            self.touches.setdefault(key, []).append(position)
            if kind in KINDS:
                old = self._last(object_id)
                new = next_state(kind, old if old is not None and old.kind == kind else None, events)
                if new is not None:
                    self.states.setdefault(object_id, []).append((position, new))

    def _last(self, object_id: str) -> State | None:
        known = self.states.get(object_id)
        return known[-1][1] if known else self._label(object_id)
