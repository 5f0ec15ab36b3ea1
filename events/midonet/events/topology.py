"""The topology: what all events up to a position add up to, with the indexes that commands and views need.

It changes only through `swap`, which replaces one object and keeps every index right; so undoing is swapping
back, and nothing else may touch the indexes. It holds no truth of its own: fold the log again and it is the same.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from midonet.events.commit import GENESIS, Head
from midonet.events.model import KINDS, Entity

__all__ = ["Topology"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Topology:
    """All objects at one position of the log."""

    def __init__(self) -> None:
        self.head: Head = GENESIS
        self._objects: dict[str, Entity] = {}
        self._kinds: dict[str, dict[str, Entity]] = {kind: {} for kind in KINDS}
        self._referrers: dict[str, dict[tuple[str, str], int]] = {}
        self._named: dict[tuple[str, str], dict[str, None]] = {}
        self._unique: dict[tuple[Any, ...], dict[str, None]] = {}
        self._numbers: dict[str, dict[int, None]] = {}
        self.cursors: dict[str, int] = {}
        """Per pool the number that was handed out last: numbers come back as late as possible."""

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self._objects)

    def __eq__(self, other: object) -> bool:
        """Two topologies are equal if they hold the same objects at the same position."""
        return isinstance(other, Topology) and (self.head, self._objects) == (other.head, other._objects)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def get(self, kind: str, object_id: str) -> Any:
        """Return the object of that kind (`a|b` for either) and id, or None."""
        found = self._objects.get(object_id)
        return found if found is not None and (found.KIND == kind or found.KIND in kind.split("|")) else None

    def find(self, object_id: str) -> Entity | None:
        """Return the object of any kind with that id, or None."""
        return self._objects.get(object_id)

    def all(self, kind: str) -> Mapping[str, Any]:
        """Return all objects of a kind by id."""
        return self._kinds[kind]

    def __iter__(self) -> Iterator[Entity]:
        """Yield every object."""
        return iter(self._objects.values())

    def named(self, kind: str, name: str) -> list[Entity]:
        """Return the objects of a kind that have this name."""
        return [self._objects[i] for i in self._named.get((kind, name), ())]

    def referring(self, object_id: str) -> list[tuple[Entity, str]]:
        """Return every (object, field) that refers to an object, nested references included."""
        return [(self._objects[i], field) for i, field in self._referrers.get(object_id, ())]

    def referrers(self, object_id: str, kind: str, field: str) -> Iterator[Any]:
        """Yield the objects of `kind` whose `field` refers to an object."""
        for referrer_id, referring_field in self._referrers.get(object_id, ()):
            if referring_field == field and self._objects[referrer_id].KIND == kind:
                yield self._objects[referrer_id]

    def sharing(self, entity: Entity) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield (unique fields, other id) for every object that shares the values of a unique set of fields."""
        for fields, key in _unique_keys(entity):
            for other in self._unique.get(key, ()):
                if other != entity.id:
                    yield fields, other

    def is_taken(self, pool: str, number: int) -> bool:
        """Return whether an object holds that number of the pool."""
        return number in self._numbers.get(pool, _NOTHING)

    def swap(self, object_id: str, new: Entity | None) -> Entity | None:
        """Replace one object (None: absent) and return what was there; every index follows."""
        old = self._objects.get(object_id)
        held = dict(_numbers(old)) if old is not None else _NOTHING
        if old is not None:
            self._unindex(old)
            if new is None:
                del self._objects[object_id]
                del self._kinds[old.KIND][object_id]
        if new is not None:
            self._objects[object_id] = new
            self._kinds[new.KIND][object_id] = new
            self._index(new)
            self.cursors.update((pool, number) for pool, number in _numbers(new) if held.get(pool) != number)
        return old

    def _index(self, entity: Entity) -> None:
        for field, target in KINDS[entity.KIND].targets(entity):
            counts = self._referrers.setdefault(target, {})
            counts[entity.id, field] = counts.get((entity.id, field), 0) + 1
        if entity.name is not None:
            self._named.setdefault((entity.KIND, entity.name), {})[entity.id] = None
        for _, key in _unique_keys(entity):
            self._unique.setdefault(key, {})[entity.id] = None
        for pool, number in _numbers(entity):
            self._numbers.setdefault(pool, {})[number] = None

    def _unindex(self, entity: Entity) -> None:
        for field, target in KINDS[entity.KIND].targets(entity):
            counts = self._referrers[target]
            counts[entity.id, field] -= 1
            if not counts[entity.id, field]:
                _drop(self._referrers, target, (entity.id, field))
        if entity.name is not None:
            _drop(self._named, (entity.KIND, entity.name), entity.id)
        for _, key in _unique_keys(entity):
            _drop(self._unique, key, entity.id)
        for pool, number in _numbers(entity):
            _drop(self._numbers, pool, number)


def _drop(index: dict[Any, dict[Any, Any]], key: Any, member: Any) -> None:
    members = index[key]
    del members[member]
    if not members:
        del index[key]


def _unique_keys(entity: Entity) -> Iterator[tuple[tuple[str, ...], tuple[Any, ...]]]:
    for fields in entity.UNIQUE:
        values = tuple(getattr(entity, field) for field in fields)
        if None not in values:
            yield fields, (entity.KIND, fields, *values)


def _numbers(entity: Entity) -> Iterator[tuple[str, int]]:
    for field, pool in entity.NUMBERS.items():
        number = getattr(entity, field)
        if number is not None:
            yield pool, number
