"""A topology as somebody may see it: what is not for them is not there, whoever asks and in whatever way.

It holds nothing itself and follows the topology behind it, so it serves for as long as that may be looked at. With
`redact`, objects come without references to what is not there.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from midonet.events.access.authorization import Principal
from midonet.events.commit import GENESIS, Head
from midonet.events.model import KINDS, Entity
from midonet.events.system.objects import Note
from midonet.events.system.tag import Tag
from midonet.events.topology.topology import Topology


class RestrictedTopology(Topology):
    """The part of `behind` that a principal may see; only to be read."""

    def __init__(self, behind: Topology, principal: Principal, *, redact: bool = False) -> None:
        self._behind = behind
        self._principal = principal
        self._redact = redact
        super().__init__()

    @property
    def head(self) -> Head:
        """The position of the topology behind."""
        return self._behind.head

    @head.setter
    def head(self, new: Head) -> None:
        if new is not GENESIS:
            raise AttributeError("a view of a topology is only to be read")

    @property
    def noted(self) -> dict[str, Note]:
        """Tags; what operators want of services and users is theirs alone."""
        return {key: note for key, note in self._behind.noted.items() if isinstance(note, Tag)}

    @noted.setter
    def noted(self, new: dict[str, Note]) -> None:
        if new:
            raise AttributeError("a view of a topology is only to be read")

    def __len__(self) -> int:
        """Return the number of objects."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Entity]:
        """Yield every object."""
        return iter(self._shown(self._behind))

    def get(self, kind: str, object_id: str) -> Any:
        """Return the object of that kind (`a|b` for either) and id, or None."""
        return next(iter(self._shown([self._behind.get(kind, object_id)])), None)

    def find(self, object_id: str) -> Entity | None:
        """Return the object of any kind with that id, or None."""
        return next(iter(self._shown([self._behind.find(object_id)])), None)

    def all(self, kind: str) -> Mapping[str, Any]:
        """Return all objects of a kind by id."""
        return {entity.id: entity for entity in self._shown(self._behind.all(kind).values())}

    def named(self, kind: str, name: str) -> list[Entity]:
        """Return the objects of a kind that have this name."""
        return list(self._shown(self._behind.named(kind, name)))

    def referring(self, object_id: str) -> list[tuple[Entity, str]]:
        """Return every (object, field) that refers to an object."""
        found = self._behind.referring(object_id)
        return [(entity, field) for one, field in found for entity in self._shown([one])]

    def referrers(self, object_id: str, kind: str, field: str) -> Iterator[Any]:
        """Yield the objects of `kind` whose `field` refers to an object."""
        return iter(self._shown(self._behind.referrers(object_id, kind, field)))

    def _shown(self, entities: Iterable[Entity | None]) -> Iterable[Any]:
        for entity in entities:
            if entity is not None and self._principal.sees(entity, self._behind.find):
                yield self._without_strangers(entity) if self._redact else entity

    def _without_strangers(self, entity: Entity) -> Entity:
        for field, target in list(KINDS[entity.KIND].targets(entity)):
            found = self._behind.find(target)
            if found is not None and not self._principal.sees(found, self._behind.find):
                left = entity.without(field, target)
                entity = (
                    left if left is not None else msgspec.structs.replace(entity, **{field.partition(".")[0]: None})
                )
        return entity
