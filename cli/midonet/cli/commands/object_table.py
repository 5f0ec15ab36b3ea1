"""Objects as text: one with all its fields, many as a table of the fields in which they differ."""

from collections.abc import Iterator, Sequence
from typing import Any

from midonet.cli.output import output
from midonet.cli.output.sanitize import clean
from midonet.cli.session.reported_state import ReportedState
from midonet.events.model import Entity, Kind, ordered, plain
from midonet.events.queries.names import Names, format_value
from midonet.events.topology.topology import Topology

_SHORT_ID = 8
"""Characters of an id on a terminal; they are a valid REF."""
_OWN_COLUMN = 1 / 3
"""Share of the objects that must have a value for a field to get its own column."""


def object_card(topology: Topology, kind: Kind, entity: Entity, reported: Sequence[tuple[str, str]] = ()) -> str:
    """Return every field of an object, references with name and id; then its reported state."""
    return output.table([], [*_lines(kind, entity, Names(topology.find)), *reported])


def _lines(kind: Kind, entity: Entity, names: Names) -> Iterator[tuple[str, str]]:
    for name, data in ordered(plain(entity)).items():
        spec = kind.fields.get(name)
        text = format_value(spec, data, names)
        named = spec is not None and spec.ref is not None and isinstance(data, str) and text != data
        yield name, f"{text} ({_shown_id(data)})" if named else text


def field_values(topology: Topology, kind: Kind, entity: Entity, fields: Sequence[str]) -> str:
    """Return the values of some fields, one per line; an empty line for none."""
    return "\n".join(map(clean, _Chosen(kind, fields, Names(topology.find)).row(entity)))


def object_table(
    seen: ReportedState, found: Sequence[Entity], fields: Sequence[str] = (), *, numbered: bool = False
) -> str:
    """Return a table of objects, with these fields or those in which the objects differ.

    Fields that few of them have share a column. Reported state comes last, unless fields were chosen. `numbered` adds
    the numbers of the shell, `@1` and so on.
    """
    if not found:
        return ""
    names = Names(seen.topology.find)
    table = _Chosen(seen.kind, fields, names) if fields else _Table(seen.kind, found, names)
    places = [[f"@{place}"] if numbered else [] for place in range(1, len(found) + 1)]
    reported = () if fields else seen.headers
    headers = [*(["@"] if numbered else []), *table.headers, *(name.replace("_", " ") for name in reported)]
    cells = [seen.cells(entity.id) if reported else [] for entity in found]
    rows = [place + table.row(entity) + last for place, entity, last in zip(places, found, cells, strict=True)]
    return output.table(headers, rows, keep=2 + numbered)


class _Chosen:
    """A table of chosen fields."""

    def __init__(self, kind: Kind, fields: Sequence[str], names: Names) -> None:
        self._kind = kind
        self._fields = fields
        self._names = names

    @property
    def headers(self) -> list[str]:
        """The titles of the columns."""
        return [field.replace("_", " ") for field in self._fields]

    def row(self, entity: Entity) -> list[str]:
        """Return the cells of an object."""
        data = plain(entity)
        return [self._cell(field, data[field]) for field in self._fields]

    def _cell(self, field: str, value: Any) -> str:
        return "" if value in (None, [], ()) else format_value(self._kind.fields.get(field), value, self._names)


class _Table:
    def __init__(self, kind: Kind, found: Sequence[Entity], names: Names) -> None:
        self._kind = kind
        self._names = names
        shown = {name: _share(kind, name, found) for name in kind.writable if name not in ("name", *kind.cls.OWNER)}
        self._columns = [name for name, share in shown.items() if share >= _OWN_COLUMN]
        self._rest = [name for name, share in shown.items() if 0 < share < _OWN_COLUMN]
        self._named = any(entity.name for entity in found)

    @property
    def headers(self) -> list[str]:
        """The titles of the columns."""
        first = ["name"] if self._named else []
        owner = ["of"] if self._kind.cls.OWNER else []
        place = ["index"] if "index" in self._kind.fields else []
        rest = ["more"] if self._rest else []
        return [*first, "id", *owner, *place, *(name.replace("_", " ") for name in self._columns), *rest]

    def row(self, entity: Entity) -> list[str]:
        """Return the cells of an object."""
        data = plain(entity)
        first = [entity.name or ""] if self._named else []
        owner = [self._owner(data)] if self._kind.cls.OWNER else []
        place = [str(data["index"])] if "index" in self._kind.fields else []
        values = [f"{name} {self._cell(name, data)}" for name in self._rest if _has_value(self._kind, name, entity)]
        rest = [", ".join(values)] if self._rest else []
        return [
            *first,
            _shown_id(entity.id),
            *owner,
            *place,
            *(self._cell(name, data) for name in self._columns),
            *rest,
        ]

    def _owner(self, data: dict[str, Any]) -> str:
        several = len(self._kind.cls.OWNER) > 1
        name = self._names.label if several else self._names.short
        return next((name(data[field]) for field in self._kind.cls.OWNER if data[field]), "")

    def _cell(self, name: str, data: dict[str, Any]) -> str:
        spec = self._kind.fields[name]
        empty = data[name] is None or data[name] in ([], ()) or data[name] is False is spec.default
        return "" if empty else format_value(spec, data[name], self._names)


def _share(kind: Kind, name: str, found: Sequence[Entity]) -> float:
    """Return the share of the objects with a value in a field."""
    return sum(_has_value(kind, name, entity) for entity in found) / len(found)


def _has_value(kind: Kind, name: str, entity: Entity) -> bool:
    return getattr(entity, name) not in (None, (), kind.fields[name].default)


def _shown_id(object_id: str) -> str:
    return object_id[:_SHORT_ID] if output.on_terminal() else object_id
