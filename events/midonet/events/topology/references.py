"""Resolve references: an id, a name, `parent/name`, or the first eight or more characters of an id.

Also converts the fields of a command to canonical, typed values, with references resolved. A name that several objects
have means the nearest one: a part of the same parent, else one of the same tenant; without any it is ambiguous.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from midonet.events.errors import AmbiguousRef, InvalidValue, NotFound
from midonet.events.model import KINDS, Entity, FieldSpec, Kind
from midonet.events.model.fields import canonical_id
from midonet.events.suggestions import suggest
from midonet.events.topology.topology import Topology

_MIN_PREFIX = 8
_SHORTEST_ID = 32
"""Characters of an id without hyphens."""
_LISTED = 10
_FEW = 16
"""Parts of a parent that are searched for a name before the index of names."""

Names = Mapping[tuple[str, ...], Sequence[str]]
"""Ids of planned objects by (kind, name) and by (kind, name, place); a place is the id of a parent, or a tenant."""
_NO_NAMES: Names = {}
Scope = Sequence[str]
"""Places in which a name is searched first, the nearest one first."""


def find(topology: Topology, kind: str, ref: str) -> Any:
    """Return the object of a reference; `NotFound`, or `AmbiguousRef` with the candidates."""
    return topology.find(find_id(topology, kind, ref))


def find_id(topology: Topology, kind: str, ref: object, planned: Names = _NO_NAMES, scope: Scope = ()) -> str:
    """Return the id of a reference, also to objects that are only planned; the nearest one in a scope."""
    if not isinstance(ref, str) or not ref:
        raise InvalidValue(f"{ref!r} does not name a {_either(kind)}", kind=kind, reason="bad-reference")
    there: Entity | None = topology.get(kind, ref)
    if there is not None:  # the whole id, the usual case for programs
        return there.id
    if scope and kind in KINDS and (near := _in_scope(topology, kind, ref, planned, scope)) is not None:
        return near
    kinds = (kind,) if kind in KINDS else kind.split("|")
    for search in _SEARCHES if len(ref) >= _SHORTEST_ID else _SEARCHES[1:]:  # most references are names
        found = {i for one in kinds for i in search(topology, one, ref, planned)}
        if len(found) > 1:
            found = _nearest(topology, ref, found, planned, scope)
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


def _in_scope(topology: Topology, kind: str, ref: str, planned: Names, scope: Scope) -> str | None:
    """Return the nearest object of that name if few objects have to be read for it; what is not found may exist."""
    for place in scope:
        planned_there = planned.get((kind, ref, place), ())
        parts = list(islice(_parts(topology, kind, place), _FEW + 1))
        there = {*planned_there, *(part.id for part in parts if part.name == ref)}
        if there or len(parts) > _FEW:
            return there.pop() if len(there) == 1 and len(parts) <= _FEW else None
    return None


def _parts(topology: Topology, kind: str, owner_id: str) -> Iterator[Entity]:
    owner = topology.find(owner_id)
    for field in KINDS[kind].cls.OWNER if owner is not None else ():
        if owner is not None and KINDS[kind].ref_of[field].kind == owner.KIND:
            yield from topology.referrers(owner_id, kind, field)


def _nearest(topology: Topology, ref: str, found: set[str], planned: Names, scope: Scope) -> set[str]:
    """Return those of several objects that are in the nearest place; all of them if none is in the scope."""
    beyond = [place for object_id in scope for place in places(topology, object_id)]
    for place in dict.fromkeys((*scope, *beyond)):
        new = {i for kind in KINDS for i in planned.get((kind, ref, place), ())}
        near = {i for i in found if i in new or place in places(topology, i)}
        if near:
            return near
    return found


def places(topology: Topology, object_id: str) -> Iterator[str]:
    """Yield where an object is: its parents, the nearest one first, and its tenant."""
    entity = topology.find(object_id)
    if entity is None:
        return
    owners = [getattr(entity, field) for field in entity.OWNER if getattr(entity, field)]
    yield from owners
    for owner in owners:
        yield from places(topology, owner)
    if tenant := getattr(entity, "tenant", None):
        yield tenant


def _by_path(topology: Topology, kind: str, ref: str, planned: Names) -> Iterable[str]:
    """Names may contain slashes, so that every one of them may end the name of the parent."""
    for position, character in enumerate(ref):
        if character == "/":
            yield from _below(topology, kind, ref[:position], ref[position + 1 :], planned)


def _below(topology: Topology, kind: str, parent_ref: str, name: str, planned: Names) -> Iterable[str]:
    owners = KINDS[kind].cls.OWNER
    if not (owners and parent_ref and name):
        return
    parents = {i for field in owners for i in _by_name(topology, KINDS[kind].ref_of[field].kind, parent_ref, planned)}
    for entity in topology.named(kind, name):
        if parents.intersection(getattr(entity, field) for field in owners):
            yield entity.id
    for parent in parents:
        yield from planned.get((kind, name, parent), ())


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


class _Resolver(NamedTuple):
    """Where references are resolved."""

    topology: Topology
    planned: Names = _NO_NAMES
    scope: Scope = ()


def values(
    topology: Topology, kind: Kind, fields: Mapping[str, Any], planned: Names = _NO_NAMES, scope: Scope = ()
) -> dict[str, Any]:
    """Return canonical, typed values of fields; None sets a field back to its default.

    Names are searched first among the parts of the parents that the fields name, then in `scope`. Raises `InvalidValue`
    naming the field, `NotFound` or `AmbiguousRef` for references.
    """
    resolver = _Resolver(topology, planned, scope)
    owners = {name: _value(resolver, kind, name, fields[name]) for name in kind.cls.OWNER if name in fields}
    near = [owner for owner in (*owners.values(), fields.get("tenant")) if isinstance(owner, str)]
    if near:
        resolver = _Resolver(topology, planned, (*near, *scope))
    return {
        name: owners[name] if name in owners else _value(resolver, kind, name, value) for name, value in fields.items()
    }


def partial(topology: Topology, spec: FieldSpec, item: Any, scope: Scope = ()) -> Any:
    """Return the canonical form of (parts of) one element of a list field, to compare elements with."""
    resolved = _resolved_item(_Resolver(topology, scope=scope), spec, item)
    if not isinstance(resolved, Mapping):
        return spec.coerce([resolved])[0]
    parts = {part.name: part for part in spec.parts}
    unknown = next((name for name in resolved if name not in parts), None)
    if unknown is not None:
        raise InvalidValue(f"{spec.name} has no part {unknown}", field=spec.name, reason="no-such-field")
    return {name: parts[name].coerce(value) for name, value in resolved.items()}


def _value(resolver: _Resolver, kind: Kind, name: str, value: Any) -> Any:
    spec = kind.fields.get(name) or kind.field(name)
    if value is None:
        if spec.required:
            raise InvalidValue(f"a {kind.name} cannot be without {name}", field=name, reason="missing")
        return spec.default
    if spec.target is not None:  # an id that is found is canonical
        return _target(resolver, name, spec.target, value)
    return spec.coerce(_resolved(resolver, spec, value) if spec.ref or spec.parts else value)


def _resolved(resolver: _Resolver, spec: FieldSpec, value: Any) -> Any:
    """Replace references by ids, also inside lists and structures; `coerce` checks the shape."""
    if spec.many and isinstance(value, (list, tuple)):
        return [_resolved_item(resolver, spec, item) for item in value]
    return value if spec.many else _resolved_item(resolver, spec, value)


def _resolved_item(resolver: _Resolver, spec: FieldSpec, item: Any) -> Any:
    if spec.ref is not None:
        return _target(resolver, spec.name, spec.ref.kind, item)
    if spec.parts and isinstance(item, Mapping):
        parts = {part.name: part for part in spec.parts}
        return {
            key: _resolved(resolver, parts[key], value) if key in parts and value is not None else value
            for key, value in item.items()
        }
    return item


def _target(resolver: _Resolver, field: str, kind: str, ref: Any) -> str:
    try:
        return find_id(resolver.topology, kind, ref, resolver.planned, resolver.scope)
    except (NotFound, AmbiguousRef, InvalidValue) as error:
        raise type(error)(f"{field}: {error.message}", **{**error.details, "field": field}) from None
