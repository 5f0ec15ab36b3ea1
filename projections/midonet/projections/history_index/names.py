"""The names of objects at one position of the past, for a readable history."""

from collections.abc import Collection, Iterable
from typing import Any

from midonet.events.commit import Event
from midonet.events.model import KINDS, Kind
from midonet.events.queries.names import Names
from midonet.events.system.objects import SYSTEM_KINDS, is_system_key
from midonet.projections.history_index.reader import IndexReader


class NamesAt(Names):
    """Has the interface of `Names`, for all commits up to a position."""

    def __init__(self, past: IndexReader, position: int) -> None:
        super().__init__()
        self._past = past
        self._position = position

    def matches(self, ref: str) -> list[str]:
        """Return the keys that `ref` may mean."""
        return self._past.matches(ref, self._position, KINDS)

    def names(self, kinds: Collection[str]) -> Iterable[str]:
        """Return the names of objects of some kinds."""
        return self._past.names(self._position, kinds)

    def system_keys(self) -> Iterable[str]:
        """Return the keys of the system objects."""
        records = self._past.about_kinds(tuple(SYSTEM_KINDS), self._position)
        return {event.key: None for record in records for event in record.commit.events if is_system_key(event.key)}

    def add(self, event: Event) -> None:
        """Record the names in an event after the position."""
        self.label(event.key.partition("/")[2])
        super().add(event)

    def look_up(self, object_id: str) -> tuple[Kind, dict[str, Any]] | None:
        """Return an object's kind and the fields that determine its name."""
        state = self._past.label(object_id, self._position)
        return (KINDS[state.kind], state.data) if state is not None else None
