"""Names of objects, present and deleted, and field values as text."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from midonet.events.commit import Commit, Event, Record
from midonet.events.errors import AmbiguousRef, NotFound
from midonet.events.model import KINDS, Entity, FieldSpec, Kind, plain
from midonet.events.suggestions import suggest
from midonet.events.system import objects

_MIN_PREFIX = 8


_LISTED = 10


EMPTY_VALUES: tuple[object, ...] = (None, (), [], "")


class Names:
    """The names of objects as of the events added so far; deleted objects stay known."""

    def __init__(self, find: Callable[[str], Entity | None] = lambda _: None) -> None:
        """`find` returns objects whose events were not added, e.g. `Topology.find`."""
        self._find = find
        self._known: dict[str, tuple[Kind, dict[str, Any]]] = {}
        self._gone: set[str] = set()
        self._system: dict[str, None] = {}

    def add(self, event: Event) -> None:
        """Add the names in an event; events of unknown kinds are ignored."""
        kind_name, _, object_id = event.key.partition("/")
        verb = event.type.rpartition(".")[2]
        if kind_name in objects.SYSTEM_KINDS:
            self._system[event.key] = None
        if kind_name not in KINDS:
            return
        if verb in ("created", "deleted"):
            self._known[object_id] = KINDS[kind_name], dict(event.data)
            (self._gone.add if verb == "deleted" else self._gone.discard)(object_id)
        elif object_id in self._known:
            self._known[object_id][1].update((f, pair[1]) for f, pair in event.data["changed"].items())

    def add_commit(self, commit: Commit) -> None:
        """Add every event of a commit."""
        for event in commit.events:
            self.add(event)

    def label(self, object_id: str) -> str:
        """Return the full name of an object: `port p1 of bridge web`; its id if it is unknown."""
        found = self._look_up(object_id)
        if found is None:
            return object_id
        kind, data = found
        owner = _owner(kind, data)
        return f"{kind.name} {self._own(kind, data)}" + (f" of {self.label(owner)}" if owner else "")

    def short(self, object_id: str) -> str:
        """Return the name of an object as a reference is written: `web/p1`, `hv1`; its id if it has none."""
        found = self._look_up(object_id)
        if found is None or not found[1].get("name"):
            return object_id
        kind, data = found
        owner = _owner(kind, data)
        parent = self.short(owner) + "/" if owner else ""
        return f"{parent}{data['name']}"

    def find(self, ref: str, *, system: bool = False) -> str:
        """Return the key (`kind/id`) of what `ref` means: an id, a name, `kind/…`, `parent/name` or an id prefix.

        Objects that exist take precedence over deleted ones. With `system`, system objects are searched as well, by
        name or key, if no object matches. Raises `NotFound`, or `AmbiguousRef` with the candidates.
        """
        keys = list(self.system_keys()) if system else []
        found = self.matches(ref) or [key for key in keys if ref in (key, _system_name(key))]
        if len(found) > 1:
            raise self._ambiguous(ref, found)
        if not found:
            kinds, wanted = _of_kinds(ref)
            known = dict.fromkeys([*self.names(kinds), *map(_system_name, keys), *keys])
            raise NotFound(f"nothing is or was called {ref!r}{suggest(wanted, known)}", ref=ref)
        return found[0]

    def system_keys(self) -> Iterable[str]:
        """Return the keys of present and deleted system objects, such as `projection/nsdb`."""
        return self._system

    def names(self, kinds: Collection[str]) -> Iterable[str]:
        """Return the names of objects of some kinds, each once."""
        return {data["name"]: None for kind, data in self._known.values() if kind.name in kinds and data.get("name")}

    def matches(self, ref: str) -> list[str]:
        """Return the keys of objects that `ref` may mean, sorted: those of existing objects, if there are any."""
        kinds, wanted = _of_kinds(ref)
        known = [(i, kind, data) for i, (kind, data) in self._known.items() if kind.name in kinds]
        for fits in (self._is_id, self._is_name, self._is_path, self._is_prefix):
            found = [(kind.name, i) for i, kind, data in known if fits(wanted, i, kind, data)]
            alive = [(kind, i) for kind, i in found if i not in self._gone] or found
            if alive:
                return sorted(f"{kind}/{i}" for kind, i in alive)
        return []

    @staticmethod
    def _is_id(ref: str, object_id: str, *_: Any) -> bool:
        return object_id == ref.lower()

    @staticmethod
    def _is_name(ref: str, _: str, __: Kind, data: Mapping[str, Any]) -> bool:
        return bool(data.get("name") == ref)

    def _is_path(self, ref: str, object_id: str, *_: Any) -> bool:
        return "/" in ref and self.short(object_id) == ref

    @staticmethod
    def _is_prefix(ref: str, object_id: str, *_: Any) -> bool:
        return len(ref) >= _MIN_PREFIX and object_id.startswith(ref.lower())

    def _ambiguous(self, ref: str, found: Sequence[str]) -> AmbiguousRef:
        listed = ", ".join(found[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        keys = [key.partition("/") for key in found]
        candidates = [{"kind": kind, "id": i, "label": self.label(i)} for kind, _, i in keys]
        return AmbiguousRef(f"{ref!r} may be {listed}{more}; give one of these", ref=ref, candidates=candidates)

    def _look_up(self, object_id: str) -> tuple[Kind, dict[str, Any]] | None:
        if object_id not in self._known:
            found = self.look_up(object_id)
            if found is None:
                return None
            self._known[object_id] = found
        return self._known[object_id]

    def look_up(self, object_id: str) -> tuple[Kind, dict[str, Any]] | None:
        """Return kind and fields of an object whose events were not added."""
        entity = self._find(object_id)
        return (KINDS[entity.KIND], plain(entity)) if entity is not None else None

    def _own(self, kind: Kind, data: Mapping[str, Any]) -> str:
        """Return the name of an object among its siblings; what identifies it if it has none."""
        if data.get("name"):
            return str(data["name"])
        fields = ("index",) if "index" in kind.fields else kind.cls.IDENTITY
        parts = [
            format_value(kind.fields[field], data[field], self)
            for field in fields
            if data.get(field) not in (*EMPTY_VALUES, kind.fields[field].default)
        ]
        return " ".join(parts) or str(data["id"])[:_MIN_PREFIX]


def names_of(records: Iterable[Record]) -> Names:
    """Return the names of all present and deleted objects."""
    names = Names()
    for record in records:
        names.add_commit(record.commit)
    return names


def _system_name(key: str) -> str:
    return key.partition("/")[2]


def _of_kinds(ref: str) -> tuple[set[str], str]:
    """Return the kinds that a reference may be about, and the rest of it."""
    prefix, _, rest = ref.partition("/")
    return ({prefix}, rest) if prefix in KINDS and rest else (set(KINDS), ref)


def _owner(kind: Kind, data: Mapping[str, Any]) -> str | None:
    return next((data[field] for field in kind.cls.OWNER if data.get(field)), None)


def format_value(spec: FieldSpec | None, value: Any, names: Names) -> str:
    """Return a JSON value as text: references by name, nothing as `none`."""
    if value in EMPTY_VALUES:
        return "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(format_value(spec, item, names) for item in value)
    if isinstance(value, Mapping):
        return _structure(spec.parts if spec is not None else (), value, names)
    if isinstance(value, bool):
        return str(value).lower()
    if spec is not None and spec.ref is not None:
        return names.short(value)
    return spec.format.show(value) if spec is not None and spec.format is not None else str(value)


def _structure(parts: Sequence[FieldSpec], value: Mapping[str, Any], names: Names) -> str:
    """Format a structure in the order of its declaration; optional parts with their names, if they are set."""
    known = {part.name: part for part in parts}
    order = [*(name for name in known if name in value), *(name for name in value if name not in known)]
    shown = []
    for name in order:
        part, item = known.get(name), value[name]
        if item not in (*EMPTY_VALUES, part.default if part is not None and not part.required else None):
            text = format_value(part, item, names)
            shown.append(text if part is not None and part.required else f"{name} {text}")
    return " ".join(shown)
