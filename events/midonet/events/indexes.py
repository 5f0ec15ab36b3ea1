"""Indexes over the objects of a topology: who refers to whom, names, unique values and numbers in use.

They are derived and disposable: built when first asked for, kept right from then on by `Topology.swap` alone.
A pure replay never pays for them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from midonet.events.model import KINDS, Entity

__all__ = ["Indexes"]

_Members = dict[Any, dict[Any, None]]
"""Key → members in the order in which they came."""


class Indexes:
    """Four maps from a value to the ids of the objects that have it."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.referrers: _Members = {}
        """Target id → (referring id, field)."""
        self.named: _Members = {}
        """(kind, name) → ids."""
        self.unique: _Members = {}
        """(kind, *values of a unique set of fields) → ids."""
        self.numbers: _Members = {}
        """(pool, number) → ids."""
        for entity in entities:
            self.add(entity)

    def add(self, entity: Entity) -> None:
        """Enter an object under all its values."""
        for index, key, member in self._entries(entity):
            members = index.get(key)
            if members is None:
                index[key] = {member: None}
            else:
                members[member] = None

    def remove(self, entity: Entity) -> None:
        """Take an object out from under all its values."""
        for index, key, member in self._entries(entity):
            members = index[key]
            del members[member]
            if not members:
                del index[key]

    def _entries(self, entity: Entity) -> Iterator[tuple[_Members, Any, Any]]:
        kind, object_id = entity.KIND, entity.id
        for field, target in KINDS[kind].targets(entity):
            yield self.referrers, target, (object_id, field)
        if entity.name is not None:
            yield self.named, (kind, entity.name), object_id
        for fields in entity.UNIQUE:
            if (key := unique_key(entity, fields)) is not None:
                yield self.unique, key, object_id
        for field, pool in entity.NUMBERS.items():
            if (number := getattr(entity, field)) is not None:
                yield self.numbers, (pool, number), object_id


def unique_key(entity: Entity, fields: tuple[str, ...]) -> tuple[Any, ...] | None:
    """Return the key of a unique set of fields, or None if one of them has no value."""
    key = (entity.KIND, fields, *[getattr(entity, field) for field in fields])
    return None if None in key else key
