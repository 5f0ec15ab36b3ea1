"""Indexes over the objects of a topology: references, names, unique values and numbers in use.

They are derived: built on first use, then updated by `Topology.swap` alone. A replay that queries nothing builds none.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from midonet.events.model import KINDS, Entity
from midonet.events.model.schema import getter


class Multimap:
    """Key → members, in insertion order.

    Nearly every key has one member, which is stored without a container: one for each would be most of the memory of a
    topology. A member is never a dict, and is under one key once.
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

    def beside(self, key: Any, member: Any) -> Collection[Any]:
        """Return the other members of a key that has this one."""
        present = self._found.get(key)
        return [other for other in present if other != member] if type(present) is dict else ()

    def __contains__(self, key: object) -> bool:
        return key in self._found

    def add(self, key: Any, member: Any) -> None:
        """Add a member that is not there."""
        present = self._found.setdefault(key, member)
        if type(present) is dict:
            present[member] = None
        elif present is not member:
            self._found[key] = {present: None, member: None}

    def remove(self, key: Any, member: Any) -> None:
        """Remove a member that is there."""
        present = self._found[key]
        if type(present) is dict and len(present) > 1:
            del present[member]
        else:
            del self._found[key]


class _Plan(NamedTuple):
    """The indexes of a kind."""

    read: Callable[[Entity], tuple[Any, ...]]
    """Reads all indexed fields: an update that leaves them equal changes no index."""
    values: Callable[[Entity], tuple[Any, ...]]
    """Reads the fields whose values are keys as they are."""
    indexes: tuple[Multimap, ...]
    """The index for each of those fields."""
    unique: tuple[tuple[tuple[str, ...], Multimap, Callable[[Entity], tuple[Any, ...]]], ...]
    """Each unique set of fields, its index, and what reads the fields."""
    inner: bool
    """Whether the kind has references in lists or structures."""


class Indexes:
    """Four maps from a value to the ids of the objects that have it."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.referrers: dict[tuple[str, str], Multimap] = defaultdict(Multimap)
        """(Kind, field) → target id → ids of the objects that refer to it."""
        self.named: dict[str, Multimap] = defaultdict(Multimap)
        """Kind → name → ids."""
        self.unique: dict[tuple[str, tuple[str, ...]], Multimap] = defaultdict(Multimap)
        """(Kind, unique set of fields) → their values → ids."""
        self.numbers: dict[str, Multimap] = defaultdict(Multimap)
        """Pool → number → ids."""
        self._plans: dict[str, _Plan] = {}
        for entity in entities:
            self.replace(None, entity)

    def replace(self, old: Entity | None, new: Entity | None) -> None:
        """Index `new` in place of `old` (None: no object); most changes are of fields that are not indexed."""
        if type(old) is type(new) and new is not None:
            read = self._plan(new.KIND).read
            if read(old) == read(new):  # type: ignore[arg-type]  # of the same type as `new`
                return
        if old is not None:
            self._entries(old, Multimap.remove)
        if new is not None:
            self._entries(new, Multimap.add)

    def sharing(self, entity: Entity) -> list[tuple[tuple[str, ...], str]]:
        """Return (unique fields, other id) for every object that shares the values of a unique set of fields."""
        found: list[tuple[tuple[str, ...], str]] = []
        for fields, index, values in self._plan(entity.KIND).unique:
            if others := index.beside(values(entity), entity.id):
                found += ((fields, other) for other in others)
        return found

    def referring(self, object_id: str) -> Iterator[tuple[str, str]]:
        """Yield (id, field) of every object that refers to an object."""
        for (_, field), index in list(self.referrers.items()):  # another reader may add one, which is empty
            yield from ((referrer, field) for referrer in index.get(object_id))

    def _entries(self, entity: Entity, do: Callable[[Multimap, Any, str], None]) -> None:
        """Apply an operation to every index that an object is in, with its key."""
        plan, object_id = self._plan(entity.KIND), entity.id
        for index, key in zip(plan.indexes, plan.values(entity), strict=True):
            if key is not None:
                do(index, key, object_id)
        for _, index, values in plan.unique:
            if None not in (key := values(entity)):
                do(index, key, object_id)
        if plan.inner:
            for field, target in KINDS[entity.KIND].inner_targets(entity):
                do(self.referrers[entity.KIND, field], target, object_id)

    def _plan(self, kind: str) -> _Plan:
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = self._planned(kind)
        return plan

    def _planned(self, kind: str) -> _Plan:
        cls, refs, inner = KINDS[kind].cls, KINDS[kind].plain_refs, KINDS[kind].inner_refs
        referrers = [self.referrers[kind, field] for field in refs]
        numbers = [self.numbers[pool] for pool in cls.NUMBERS.values()]
        plain = (*refs, "name", *cls.NUMBERS)
        return _Plan(
            read=getter((*plain, *chain(*cls.UNIQUE), *(field for _, field, _ in inner))),
            values=getter(plain),
            indexes=(*referrers, self.named[kind], *numbers),
            unique=tuple((fields, self.unique[kind, fields], getter(fields)) for fields in cls.UNIQUE),
            inner=bool(inner),
        )
