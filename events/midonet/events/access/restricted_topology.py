"""A topology restricted to the objects that a principal may read; all others are absent from every query.

It holds no data of its own and follows its base. With `redact`, objects are returned without references to hidden
objects.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from midonet.events.access.authorization import Principal
from midonet.events.commit import GENESIS, Head
from midonet.events.model import KINDS, Entity
from midonet.events.system.objects import SystemObject
from midonet.events.system.tag import Tag
from midonet.events.topology.topology import Topology


class RestrictedTopology(Topology):
    """The part of `base` that a principal may read; read-only."""

    def __init__(self, base: Topology, principal: Principal, *, redact: bool = False) -> None:
        self._base = base
        self._principal = principal
        self._redact = redact
        super().__init__()

    @property
    def head(self) -> Head:
        """The position of the base."""
        return self._base.head

    @head.setter
    def head(self, new: Head) -> None:
        if new is not GENESIS:
            raise AttributeError("a restricted topology is read-only")

    @property
    def system(self) -> dict[str, SystemObject]:
        """Tags only; controls and users are hidden."""
        return {key: note for key, note in self._base.system.items() if isinstance(note, Tag)}

    @system.setter
    def system(self, new: dict[str, SystemObject]) -> None:
        if new:
            raise AttributeError("a restricted topology is read-only")

    def __len__(self) -> int:
        """Return the number of objects."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Entity]:
        """Yield every object."""
        return iter(self._visible(self._base))

    def get(self, kind: str, object_id: str) -> Any:
        """Return the object of that kind (`a|b` for either) and id, or None."""
        return next(iter(self._visible([self._base.get(kind, object_id)])), None)

    def find(self, object_id: str) -> Entity | None:
        """Return the object of any kind with that id, or None."""
        return next(iter(self._visible([self._base.find(object_id)])), None)

    def all(self, kind: str) -> Mapping[str, Any]:
        """Return all objects of a kind by id."""
        return {entity.id: entity for entity in self._visible(self._base.all(kind).values())}

    def named(self, kind: str, name: str) -> list[Entity]:
        """Return the objects of a kind that have this name."""
        return list(self._visible(self._base.named(kind, name)))

    def referring(self, object_id: str) -> list[tuple[Entity, str]]:
        """Return every (object, field) that refers to an object."""
        found = self._base.referring(object_id)
        return [(entity, field) for one, field in found for entity in self._visible([one])]

    def referrers(self, object_id: str, kind: str, field: str) -> Iterator[Any]:
        """Yield the objects of `kind` whose `field` refers to an object."""
        return iter(self._visible(self._base.referrers(object_id, kind, field)))

    def _visible(self, entities: Iterable[Entity | None]) -> Iterable[Any]:
        for entity in entities:
            if entity is not None and self._principal.sees(entity, self._base.find):
                yield self._without_hidden_references(entity) if self._redact else entity

    def _without_hidden_references(self, entity: Entity) -> Entity:
        for field, target in list(KINDS[entity.KIND].targets(entity)):
            found = self._base.find(target)
            if found is not None and not self._principal.sees(found, self._base.find):
                left = entity.without(field, target)
                entity = (
                    left if left is not None else msgspec.structs.replace(entity, **{field.partition(".")[0]: None})
                )
        return entity
