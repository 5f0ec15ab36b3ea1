"""A partial topology as of a position: one object and the objects that are needed to describe it.

Every object in it equals the one in the whole topology: it is the fold of its events.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

from midonet.events.errors import MidonetError
from midonet.events.model import KINDS, Entity
from midonet.events.model.fields import canonical_id
from midonet.events.topology.references import find
from midonet.events.topology.topology import Topology
from midonet.projections.history_index.reader import IndexReader

_MANY = 100
"""Number of candidates of a reference from which the whole topology is faster."""


def partial_topology(past: IndexReader, upto: int, kind: str, ref: str) -> Topology | None:
    """Return a topology in which `resolve.find` finds the same object as in the whole one; None if there is none.

    It also has the objects that the object refers to, and those of its kind with the same name.
    """
    builder = _Builder(past, upto)
    if not builder.add_all(_candidates(past, upto, ref)):
        return None
    try:
        entity = find(builder.topology, kind, ref)
    except MidonetError:  # the whole topology gives the better error message
        return None
    if entity.name is not None and not builder.add_all(past.named(entity.name, upto)):
        return None
    builder.add_targets(entity)
    builder.topology.head = past.head_at(upto)
    return builder.topology


def _candidates(past: IndexReader, upto: int, ref: str) -> Iterator[str]:
    """Yield the ids of all objects that `resolve.find` may read, and of some more."""
    with suppress(ValueError):
        yield canonical_id(ref)
    yield from past.named(ref, upto)
    yield from past.with_id_prefix(ref)
    parent, _, name = ref.rpartition("/")
    for owner in past.named(parent, upto) if parent and name else ():
        yield owner
        yield from past.named(name, upto, owner)


class _Builder:
    def __init__(self, past: IndexReader, upto: int) -> None:
        self.topology = Topology()
        self._past = past
        self._upto = upto

    def add_all(self, ids: Iterable[str]) -> bool:
        """Add the objects that exist; return False if there are too many."""
        wanted = list(dict.fromkeys(ids))
        for object_id in wanted[:_MANY]:
            self._add(object_id)
        return len(wanted) <= _MANY

    def add_targets(self, entity: Entity) -> None:
        """Add the objects that an object refers to, with their owners, for references of the form `parent/name`."""
        for _, target in KINDS[entity.KIND].targets(entity):
            found = self._add(target)
            while found is not None:
                owner = next((getattr(found, field) for field in found.OWNER if getattr(found, field)), None)
                found = self._add(owner) if owner is not None else None

    def _add(self, object_id: str) -> Entity | None:
        known = self.topology.find(object_id)
        if known is not None:
            return known
        label = self._past.label(object_id, self._upto)
        if label is None or label.gone:
            return None
        found = self._past.state(f"{label.kind}/{object_id}", self._upto)
        if found is None:
            return None
        state, position = found
        entity: Entity = msgspec.convert({**state.data, "position": position}, KINDS[state.kind].cls)
        self.topology.swap(object_id, entity)
        return entity
