"""Which objects of a kind pass filters, and the one order in which lists show them. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from midonet.events import resolve
from midonet.events.model import Kind
from midonet.events.topology import Topology
from midonet.events.words import value

__all__ = ["Conditions", "conditions", "passing", "select", "sort_key"]

Conditions = Sequence[tuple[str, Any]]
"""Fields and the values that they must have."""


def select(topology: Topology, kind: Kind, filters: Iterable[tuple[str, str]]) -> list[Any]:
    """Return the objects of a kind that pass filters, sorted; raises as `conditions`."""
    return sorted(passing(topology.all(kind.name).values(), conditions(topology, kind, filters)), key=sort_key)


def conditions(topology: Topology, kind: Kind, filters: Iterable[tuple[str, str]]) -> Conditions:
    """Return what fields must be, said in words (empty: without a value), with references resolved.

    Raises `InvalidValue` for a field that the kind has not, or a value that the field cannot have; `NotFound` and
    `AmbiguousRef` for references.
    """
    return [(field, _wanted(topology, kind, field, text)) for field, text in filters]


def passing(entities: Iterable[Any], wanted: Conditions) -> Iterator[Any]:
    """Yield the objects whose fields are as wanted."""
    return (e for e in entities if all(_passes(getattr(e, field), value) for field, value in wanted))


def _wanted(topology: Topology, kind: Kind, field: str, text: str) -> Any:
    spec = kind.field(field)
    return resolve.values(topology, kind, {field: value(spec, [text])})[field] if text else None


def _passes(present: Any, wanted: Any) -> bool:
    if wanted is None:
        return present in (None, ())
    if isinstance(wanted, tuple):
        return all(item in present for item in wanted)
    return bool(present == wanted)


def sort_key(entity: Any) -> tuple[Any, ...]:
    """Order by name, numbers in names by value; then the nameless by what identifies them; rules by chain and place."""
    if hasattr(entity, "index"):
        return entity.chain, entity.index
    text = entity.name or " ".join(str(getattr(entity, field)) for field in entity.IDENTITY)
    parts = [(int(digits or -1), other) for other, digits in re.findall(r"([^0-9]+)|([0-9]+)", text)]
    return entity.name is None, parts, entity.id
