"""The topology: the state after all events up to a position.

It changes only through `swap`, which replaces one object, so a change is undone by swapping back. Indexes are updated
on demand: changes that are tried, rolled back and then folded from their commit update them once, and a reader that
uses no index pays for none. Folding the log again gives an equal topology.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from midonet.events.commit import GENESIS, Head
from midonet.events.model import KINDS, Entity
from midonet.events.system.objects import SystemObject
from midonet.events.system.tag import Tag
from midonet.events.topology.indexes import Indexes

_MAX_STALE = 20_000
"""Objects by which the indexes may be out of date at most, so that they do not keep old objects in memory."""


class Checkpoint(NamedTuple):
    """What a topology holds besides objects, to restore it."""

    head: Head
    last_allocated: dict[str, int]
    system: dict[str, SystemObject]


class Topology:
    """All objects at one position of the log.

    Every query but that of an object by its id may update the indexes, so only one thread at a time may use it.
    """

    def __init__(self) -> None:
        self.head: Head = GENESIS
        self.last_allocated: dict[str, int] = {}
        """Per id range the number allocated last: numbers are reused as late as possible."""
        self.system: dict[str, SystemObject] = {}
        """System objects by key: tags, controls of projections and services, users."""
        self._objects: dict[str, Entity] = {}
        self._kinds: dict[str, dict[str, Entity]] = {kind: {} for kind in KINDS}
        self._built: Indexes | None = None
        self._stale: dict[str, Entity | None] = {}
        """Objects as the indexes have them (None: not at all), where that differs from their present form."""

    @property
    def _indexes(self) -> Indexes:
        """The indexes, built on first use, and up to date."""
        if self._built is None:
            self._built = Indexes(self._objects.values())
        if self._stale:
            for object_id, known in self._stale.items():
                self._built.replace(known, self._objects.get(object_id))
            self._stale.clear()
        return self._built

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self._objects)

    def __iter__(self) -> Iterator[Entity]:
        """Yield every object."""
        return iter(self._objects.values())

    def __eq__(self, other: object) -> bool:
        """Two topologies are equal if they hold the same objects and system objects at the same position."""
        return isinstance(other, Topology) and (
            (self.head, self.system, self._objects) == (other.head, other.system, other._objects)
        )

    __hash__ = None  # type: ignore[assignment]  # it changes

    def get(self, kind: str, object_id: str) -> Any:
        """Return the object of that kind (`a|b` for either) and id, or None."""
        found = self._objects.get(object_id)
        return found if found is not None and (kind == found.KIND or found.KIND in kind.split("|")) else None

    def find(self, object_id: str) -> Entity | None:
        """Return the object of any kind with that id, or None."""
        return self._objects.get(object_id)

    def all(self, kind: str) -> Mapping[str, Any]:
        """Return all objects of a kind by id."""
        return self._kinds[kind]

    def named(self, kind: str, name: str) -> list[Entity]:
        """Return the objects of a kind that have this name."""
        return [self._objects[object_id] for object_id in self._indexes.named[kind].get(name)]

    def referring(self, object_id: str) -> list[tuple[Entity, str]]:
        """Return every (object, field) that refers to an object, nested references included, in a stable order."""
        return [(self._objects[referrer], field) for referrer, field in sorted(self._indexes.referring(object_id))]

    def referrers(self, object_id: str, kind: str, field: str) -> Iterator[Any]:
        """Return the objects of `kind` whose `field` refers to an object."""
        return map(self._objects.__getitem__, self._indexes.referrers[kind, field].get(object_id))

    def sharing(self, entity: Entity) -> list[tuple[tuple[str, ...], str]]:
        """Return (unique fields, other id) for every object that shares the values of a unique set of fields."""
        return self._indexes.sharing(entity)

    def is_taken(self, pool: str, number: int) -> bool:
        """Return whether an object holds that number of the pool."""
        return number in self._indexes.numbers[pool]

    def holders(self, pool: str, number: int) -> list[Entity]:
        """Return the objects that hold that number: at most one, unless a unit of work is open."""
        return [self._objects[object_id] for object_id in self._indexes.numbers[pool].get(number)]

    @property
    def tags(self) -> Mapping[str, Tag]:
        """The tags by name."""
        return {tag.name: tag for tag in self.system.values() if isinstance(tag, Tag)}

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything but the objects."""
        return Checkpoint(self.head, dict(self.last_allocated), dict(self.system))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore everything but the objects."""
        self.head, self.last_allocated, self.system = (
            checkpoint.head,
            dict(checkpoint.last_allocated),
            dict(checkpoint.system),
        )

    def fill(self, kind: str, entities: Iterable[Entity]) -> None:
        """Add all objects of a kind to a new topology; allocated numbers are not recorded."""
        members = {entity.id: entity for entity in entities}
        self._kinds[kind].update(members)
        self._objects.update(members)

    def swap(self, object_id: str, new: Entity | None) -> Entity | None:
        """Replace one object (None: absent) and return the old one; indexes and last allocated numbers follow."""
        old = self._objects.get(object_id)
        if new is not None:
            self._objects[new.id] = self._kinds[new.KIND][new.id] = new  # one string, not one more per key
            if new.NUMBERS:
                self._record_numbers(old, new)
        elif old is not None:
            del self._objects[object_id], self._kinds[old.KIND][object_id]
        if self._built is not None:
            self._stale.setdefault(object_id, old)
            if len(self._stale) > _MAX_STALE:
                self._indexes  # noqa: B018 - brings them up to date
        return old

    def _record_numbers(self, old: Entity | None, new: Entity) -> None:
        for field, pool in new.NUMBERS.items():
            number = getattr(new, field)
            if number is not None and (old is None or number != getattr(old, field)):
                self.last_allocated[pool] = number
