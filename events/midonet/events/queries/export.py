"""The topology as documents for `apply`: parts inside their parents, no defaults, nothing derived.

Pure. Applying the documents to the same log changes nothing; applying them twice to an empty log is the same as once.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

from midonet.events.errors import AmbiguousRef, NotFound
from midonet.events.model import KINDS, Entity, FieldSpec, Kind, plain
from midonet.events.model.fields import canonical_id
from midonet.events.queries.selection import sort_key
from midonet.events.topology import references
from midonet.events.topology.topology import Topology


def documents(topology: Topology) -> list[dict[str, Any]]:
    """Return one document for every object that is no part of another one."""
    exporter = _Exporter(topology)
    return [
        {"kind": kind.name, **exporter.document(kind, entity)}
        for kind in KINDS.values()
        if not kind.cls.OWNER
        for entity in sorted(topology.all(kind.name).values(), key=sort_key)
        if entity.follows is None
    ]


class _Exporter:
    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._handles: dict[str, str] = {}
        for kind in KINDS.values():  # parents first
            self._handles |= self._readable(kind, topology.all(kind.name).values())

    def _readable(self, kind: Kind, entities: Collection[Entity]) -> dict[str, str]:
        """Return how to refer to each object: by `name` or `parent/name` if that can only mean this one, else by id."""
        names = Counter(entity.name for entity in entities)
        paths = Counter(self._path(kind, entity) for entity in entities)
        found = {}
        for entity in entities:
            name, path = entity.name, self._path(kind, entity)
            if name is not None and names[name] == 1 and not _is_id(name):
                found[entity.id] = name
            elif path is not None and paths[path] == 1 and self._means(kind, path, entity):
                found[entity.id] = path
        return found

    def _means(self, kind: Kind, path: str, entity: Entity) -> bool:
        """Return whether a path can only mean this object; a slash may also be a part of a name."""
        try:
            return references.find_id(self._topology, kind.name, path) == entity.id
        except (NotFound, AmbiguousRef):
            return False

    def _path(self, kind: Kind, entity: Entity) -> str | None:
        owner = next((self._topology.find(getattr(entity, f)) for f in kind.cls.OWNER if getattr(entity, f)), None)
        if owner is None or owner.name is None or entity.name is None or self._handles.get(owner.id) != owner.name:
            return None
        return f"{owner.name}/{entity.name}"

    def document(self, kind: Kind, entity: Entity, owner: str | None = None) -> dict[str, Any]:
        """Return an object with its parts; `owner` is the field that refers to the enclosing object."""
        data = plain(entity)
        fields = {
            name: self._value(spec, data[name])
            for name, spec in kind.writable.items()
            if name not in (owner, "name") and getattr(entity, name) != spec.default
        }
        name = {"name": entity.name} if entity.name is not None else {}
        return {"id": entity.id, **name, **fields, **self._parts(kind, entity)}

    def _parts(self, kind: Kind, entity: Entity) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in KINDS.values():
            for owner in part.cls.OWNER:
                if part.cls.NESTED and part.ref_of[owner].kind == kind.name:
                    mine = self._topology.referrers(entity.id, part.name, owner)
                    children = sorted((child for child in mine if child.follows is None), key=sort_key)
                    found |= (
                        {part.cls.NESTED: [self.document(part, child, owner) for child in children]} if children else {}
                    )
        return found

    def _value(self, spec: FieldSpec, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._value(spec, item) for item in value]
        if isinstance(value, dict):
            parts = {part.name: part for part in spec.parts}
            return {name: self._value(parts[name], item) for name, item in value.items() if item is not None}
        named = spec.ref is not None and "|" not in spec.ref.kind  # a bridge and a router may share a name
        return self._handles.get(value, value) if named else value


def _is_id(name: str) -> bool:
    try:
        canonical_id(name)
    except ValueError:
        return False
    return True
