"""Resolve references: an id, a name, `parent/name`, or the first eight or more characters of an id.

Also converts the fields of a command to canonical, typed values, with references resolved.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from midonet.events.errors import AmbiguousRef, InvalidValue, NotFound
from midonet.events.model import KINDS, Entity, FieldSpec, Kind
from midonet.events.model.fields import canonical_id
from midonet.events.suggestions import suggest
from midonet.events.topology.topology import Topology

_MIN_PREFIX = 8
_SHORTEST_ID = 32
"""Characters of an id without hyphens."""
_LISTED = 10

Names = Mapping[tuple[str, str], Sequence[str]]
_NO_NAMES: Names = {}


def find(topology: Topology, kind: str, ref: str) -> Any:
    """Return the object of a reference; `NotFound`, or `AmbiguousRef` with the candidates."""
    return topology.find(find_id(topology, kind, ref))


def find_id(topology: Topology, kind: str, ref: object, planned: Names = _NO_NAMES) -> str:
    """Return the id of a reference, also to objects that are only planned."""
    if not isinstance(ref, str) or not ref:
        raise InvalidValue(f"{ref!r} does not name a {_either(kind)}", kind=kind, reason="bad-reference")
    there: Entity | None = topology.get(kind, ref)
    if there is not None:  # the whole id, the usual case for programs
        return there.id
    kinds = (kind,) if kind in KINDS else kind.split("|")
    for search in _SEARCHES if len(ref) >= _SHORTEST_ID else _SEARCHES[1:]:  # most references are names
        found = {i for one in kinds for i in search(topology, one, ref, planned)}
        if len(found) > 1:
            raise _ambiguous(topology, kind, ref, sorted(found))
        if found:
            return found.pop()
    raise _missing(topology, kind, ref)


def _by_id(topology: Topology, kind: str, ref: str, planned: Names) -> Iterable[str]:
    try:
        object_id = canonical_id(ref)
    except ValueError:
        return ()
    there = topology.get(kind, object_id) is not None or object_id in planned.get((kind, object_id), ())
    return (object_id,) if there else ()


def _by_name(topology: Topology, kind: str, ref: str, planned: Names) -> Iterable[str]:
    return [*(entity.id for entity in topology.named(kind, ref)), *planned.get((kind, ref), ())]


def _by_path(topology: Topology, kind: str, ref: str, planned: Names) -> Iterable[str]:
    parent_ref, slash, name = ref.rpartition("/")
    owners = KINDS[kind].cls.OWNER
    if not (slash and owners and parent_ref and name):
        return
    parents = {i for field in owners for i in _by_name(topology, KINDS[kind].ref_of[field].kind, parent_ref, planned)}
    for entity in topology.named(kind, name):
        if parents.intersection(getattr(entity, field) for field in owners):
            yield entity.id
    for parent in parents:
        yield from planned.get((kind, f"{parent}/{name}"), ())


def _by_prefix(topology: Topology, kind: str, ref: str, planned: Names) -> Iterable[str]:
    del planned
    prefix = ref.lower()
    if len(prefix) >= _MIN_PREFIX and set(prefix) <= set("0123456789abcdef-"):
        yield from (object_id for object_id in topology.all(kind) if object_id.startswith(prefix))


_SEARCHES = (_by_id, _by_name, _by_path, _by_prefix)


def _either(kind: str) -> str:
    return kind.replace("|", " or ")


def _ambiguous(topology: Topology, kind: str, ref: str, found: Sequence[str]) -> AmbiguousRef:
    candidates = [_candidate(topology, object_id) for object_id in found]
    listed = ", ".join(f"{c['id']} ({c['parent']})" if c["parent"] else str(c["id"]) for c in candidates[:_LISTED])
    return AmbiguousRef(
        f"{ref!r} matches {len(found)} objects of kind {_either(kind)}: {listed}; use an id or PARENT/NAME",
        ref=ref,
        candidates=candidates,
    )


def _candidate(topology: Topology, object_id: str) -> dict[str, str | None]:
    entity = topology.find(object_id)
    if entity is None:
        return {"id": object_id, "kind": None, "name": None, "parent": None}
    field = next((field for field in entity.OWNER if getattr(entity, field)), None)
    owner = topology.find(getattr(entity, field)) if field is not None else None
    parent = f"{field} {owner.name or owner.id}" if owner is not None else None
    return {"id": object_id, "kind": entity.KIND, "name": entity.name, "parent": parent}


def _missing(topology: Topology, kind: str, ref: str) -> NotFound:
    known = [entity for one in kind.split("|") for entity in topology.all(one).values() if entity.name]
    names = {_path(topology, entity) for entity in known} if "/" in ref else {entity.name for entity in known}
    return NotFound(f"there is no {_either(kind)} {ref!r}{suggest(ref, names)}", kind=kind, ref=ref)


def _path(topology: Topology, entity: Entity) -> str:
    """Return the name of an object below its parent."""
    owner = next((topology.find(getattr(entity, field)) for field in entity.OWNER if getattr(entity, field)), None)
    return f"{owner.name}/{entity.name}" if owner is not None else str(entity.name)


def values(topology: Topology, kind: Kind, fields: Mapping[str, Any], planned: Names = _NO_NAMES) -> dict[str, Any]:
    """Return canonical, typed values of fields; None sets a field back to its default.

    Raises `InvalidValue` naming the field, `NotFound` or `AmbiguousRef` for references.
    """
    return {name: _value(topology, kind, name, value, planned) for name, value in fields.items()}


def partial(topology: Topology, spec: FieldSpec, item: Any) -> Any:
    """Return the canonical form of (parts of) one element of a list field, to compare elements with."""
    resolved = _resolved_item(topology, spec, item, _NO_NAMES)
    if not isinstance(resolved, Mapping):
        return spec.coerce([resolved])[0]
    parts = {part.name: part for part in spec.parts}
    unknown = next((name for name in resolved if name not in parts), None)
    if unknown is not None:
        raise InvalidValue(f"{spec.name} has no part {unknown}", field=spec.name, reason="no-such-field")
    return {name: parts[name].coerce(value) for name, value in resolved.items()}


def _value(topology: Topology, kind: Kind, name: str, value: Any, planned: Names) -> Any:
    spec = kind.fields.get(name) or kind.field(name)
    if value is None:
        if spec.required:
            raise InvalidValue(f"a {kind.name} cannot be without {name}", field=name, reason="missing")
        return spec.default
    if spec.target is not None:  # an id that is found is canonical
        return _target(topology, name, spec.target, value, planned)
    return spec.coerce(_resolved(topology, spec, value, planned) if spec.ref or spec.parts else value)


def _resolved(topology: Topology, spec: FieldSpec, value: Any, planned: Names) -> Any:
    """Replace references by ids, also inside lists and structures; `coerce` checks the shape."""
    if spec.many and isinstance(value, (list, tuple)):
        return [_resolved_item(topology, spec, item, planned) for item in value]
    return value if spec.many else _resolved_item(topology, spec, value, planned)


def _resolved_item(topology: Topology, spec: FieldSpec, item: Any, planned: Names) -> Any:
    if spec.ref is not None:
        return _target(topology, spec.name, spec.ref.kind, item, planned)
    if spec.parts and isinstance(item, Mapping):
        parts = {part.name: part for part in spec.parts}
        return {
            key: _resolved(topology, parts[key], value, planned) if key in parts and value is not None else value
            for key, value in item.items()
        }
    return item


def _target(topology: Topology, field: str, kind: str, ref: Any, planned: Names) -> str:
    try:
        return find_id(topology, kind, ref, planned)
    except (NotFound, AmbiguousRef, InvalidValue) as error:
        raise type(error)(f"{field}: {error.message}", **{**error.details, "field": field}) from None
