"""The rows that commits add to the index. Pure: the caller provides what the index has on an object.

A version is the state of an object after a commit: at its creation and deletion, at a change of its name, and at every
64th commit that changed it. So the state at any moment is one version and a few events.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from midonet.events.commit import Commit, Event, Record, canonical, sha256
from midonet.events.model import KINDS, Kind
from midonet.events.topology.evolve import current
from midonet.projections.history_index.index import State

_SPACING = 64
"""Number of commits on one object between two versions."""

Rows = dict[str, list[dict[str, Any]]]
"""Table → rows."""


def _labels(kind: Kind) -> frozenset[str]:
    """Return the fields that identify an object to users."""
    return frozenset(("name", "index", *kind.cls.OWNER, *kind.cls.IDENTITY))


def labels_digest() -> str:
    """Return a digest of the naming rules of this release."""
    said = {name: [list(kind.cls.OWNER), sorted(_labels(kind))] for name, kind in KINDS.items()}
    return sha256(canonical([said, _SPACING]))[:8]


def _state(kind: str, data: dict[str, Any], *, gone: bool) -> State:
    """Return the state of an object of a known kind with these fields."""
    owner = next((data[field] for field in KINDS[kind].cls.OWNER if data.get(field)), None)
    return State(kind, data.get("name"), owner, gone, data)


def next_state(kind: str, old: State | None, events: Iterable[Event]) -> State | None:
    """Return the state of an object after the events of one commit; None if it was never created."""
    for event in events:
        verb, data = event.type.rpartition(".")[2], current(event)
        if verb in ("created", "deleted"):
            old = _state(kind, dict(data), gone=verb == "deleted")
        elif old is not None:
            old = _state(kind, {**old.data, **_changed(data)}, gone=old.gone)
    return old


def _changed(data: Mapping[str, Any]) -> dict[str, Any]:
    return {field: pair[1] for field, pair in data.get("changed", {}).items()}


class IndexedSoFar(NamedTuple):
    """Queries on the index; the result of each is cached."""

    word: Callable[[str], int | None]
    object: Callable[[str, str], int | None]
    """Kind and id → number."""
    state: Callable[[str, str, int], State | None]
    """Kind, id and position → state at that position, which the index must have reached."""
    since_version: Callable[[int], int]
    """Number → commits that changed the object since its last version."""


class _Object(Struct):
    """An object that was changed; its state is computed only for a version."""

    number: int
    since_version: int
    indexed: int
    """Position up to which the index has the object; later events are in the next field."""
    state: State | None = None
    asked: bool = False
    pending: list[Sequence[Event]] = []
    """Events of later commits, until the state is computed."""


class RowBuilder:
    """Collects rows; `drain` returns them."""

    def __init__(self, indexed: IndexedSoFar, words: int, objects: int, latest: str) -> None:
        """`words` and `objects` are the numbers of existing rows."""
        self.latest = latest
        self._indexed = indexed
        self._rows: Rows = {}
        self._words: dict[str, int] = {}
        self._objects: dict[str, _Object] = {}
        self._count = {"history_words": words, "history_objects": objects}

    def add(self, record: Record, place: int | None) -> None:
        """Add a commit."""
        commit = record.commit
        self._commit(record, place)
        found = touched(commit)
        for kind in dict.fromkeys(key.partition("/")[0] for key in found):
            self._row("history_kinds", kind=self._word(kind), position=commit.position)
        for key, events in found.items():
            self._touch(key, events, commit.position)

    def drain(self) -> Rows:
        """Return the rows since the last call."""
        rows, self._rows = self._rows, {}
        return rows

    def _commit(self, record: Record, place: int | None) -> None:
        commit = record.commit
        self.latest = max(self.latest, commit.time)
        self._row(
            "history_commits",
            position=commit.position,
            hash=bytes.fromhex(record.hash),
            time=commit.time,
            latest=self.latest,
            actor=self._word(commit.actor),
            command=self._word(commit.command.name),
            place=place,
        )

    def _touch(self, key: str, events: Sequence[Event], position: int) -> None:
        kind, _, object_id = key.partition("/")
        found = self._object(key, kind, object_id, position)
        self._row("history_touches", object=found.number, position=position)
        if kind in KINDS and self._update(found, kind, object_id, events) and found.state is not None:
            found.since_version = 0
            self._version(found.number, position, found.state)

    def _update(self, found: _Object, kind: str, object_id: str, events: Sequence[Event]) -> bool:
        """Record the change of an object; return whether it needs a version."""
        found.since_version += 1
        telling = found.since_version >= _SPACING or any(_changes_labels(kind, event) for event in events)
        if not (telling or found.asked):
            found.pending.append(events)
            return False
        if not found.asked:
            found.asked, found.state = True, self._indexed.state(kind, object_id, found.indexed)
            for earlier in found.pending:
                found.state = next_state(kind, found.state, earlier)
            found.pending = []
        found.state = next_state(kind, found.state, events)
        return telling

    def _version(self, number: int, position: int, state: State) -> None:
        self._row(
            "history_versions",
            object=number,
            position=position,
            name=state.name,
            owner=state.owner,
            gone=int(state.gone),
            body=canonical(state.data),
        )

    def _row(self, table: str, **values: Any) -> None:
        self._rows.setdefault(table, []).append(values)

    def _word(self, text: str) -> int:
        if text not in self._words:
            self._words[text] = self._indexed.word(text) or self._new("history_words", text=text)
        return self._words[text]

    def _object(self, key: str, kind: str, object_id: str, position: int) -> _Object:
        if key not in self._objects:
            number = self._indexed.object(kind, object_id)
            since_version = self._indexed.since_version(number) if number else 0
            new = number or self._new("history_objects", kind=kind, id=object_id)
            self._objects[key] = _Object(new, since_version, position - 1, asked=number is None)
        return self._objects[key]

    def _new(self, table: str, **values: Any) -> int:
        self._count[table] += 1
        self._row(table, number=self._count[table], **values)
        return self._count[table]


def _changes_labels(kind: str, event: Event) -> bool:
    """Return whether an event creates, deletes or renames an object."""
    verb = event.type.rpartition(".")[2]
    return verb in ("created", "deleted") or not _labels(KINDS[kind]).isdisjoint(_changed(current(event)))


def touched(commit: Commit) -> dict[str, list[Event]]:
    """Return the events of a commit by object."""
    found: dict[str, list[Event]] = {}
    for event in commit.events:
        found.setdefault(event.key, []).append(event)
    return found
