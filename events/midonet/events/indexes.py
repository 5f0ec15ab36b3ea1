"""Indexes over the objects of a topology: who refers to whom, names, unique values and numbers in use.

They are derived and disposable: built when first asked for, kept right from then on by `Topology.swap` alone.
A pure replay never pays for them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from midonet.events.model import KINDS, Entity

__all__ = ["Indexes", "Multimap", "unique_key"]


class Multimap:
    """Key → members, in the order in which they came.

    Nearly every key has one member, which stands for itself: a container for each would be most of the memory that a
    topology takes. A member is never a dict, and is under one key once.
    """

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}

    def get(self, key: Any) -> Collection[Any]:
        """Return the members of a key."""
        present = self._found.get(key)
        if present is None:
            return ()
        return present if type(present) is dict else (present,)

    def __contains__(self, key: object) -> bool:
        return key in self._found

    def add(self, key: Any, member: Any) -> None:
        """Enter a member that is not there."""
        present = self._found.setdefault(key, member)
        if type(present) is dict:
            present[member] = None
        elif present is not member:
            self._found[key] = {present: None, member: None}

    def remove(self, key: Any, member: Any) -> None:
        """Take out a member that is there."""
        present = self._found[key]
        if type(present) is dict and len(present) > 1:
            del present[member]
        else:
            del self._found[key]


class Indexes:
    """Four maps from a value to the ids of the objects that have it."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.referrers = Multimap()
        """Target id → (referring id, field)."""
        self.named: dict[str, Multimap] = defaultdict(Multimap)
        """Kind → name → ids."""
        self.unique = Multimap()
        """(kind, *values of a unique set of fields) → ids."""
        self.numbers: dict[str, Multimap] = defaultdict(Multimap)
        """Pool → number → ids."""
        for entity in entities:
            self.add(entity)

    def add(self, entity: Entity) -> None:
        """Enter an object under all its values."""
        for index, key, member in self._entries(entity):
            index.add(key, member)

    def remove(self, entity: Entity) -> None:
        """Take an object out from under all its values."""
        for index, key, member in self._entries(entity):
            index.remove(key, member)

    def _entries(self, entity: Entity) -> Iterator[tuple[Multimap, Any, Any]]:
        kind, object_id = entity.KIND, entity.id
        for field, target in KINDS[kind].targets(entity):
            yield self.referrers, target, (object_id, field)
        if entity.name is not None:
            yield self.named[kind], entity.name, object_id
        for fields in entity.UNIQUE:
            if (key := unique_key(entity, fields)) is not None:
                yield self.unique, key, object_id
        for field, pool in entity.NUMBERS.items():
            if (number := getattr(entity, field)) is not None:
                yield self.numbers[pool], number, object_id


def unique_key(entity: Entity, fields: tuple[str, ...]) -> tuple[Any, ...] | None:
    """Return the key of a unique set of fields, or None if one of them has no value."""
    key = (entity.KIND, fields, *[getattr(entity, field) for field in fields])
    return None if None in key else key
