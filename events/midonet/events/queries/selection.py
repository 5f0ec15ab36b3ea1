"""Select and sort the objects of a list: filters, order, paging. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from operator import ge, gt, le, lt
from typing import Any

from midonet.events.errors import InvalidValue, UsageError
from midonet.events.model import FieldSpec, Kind, plain
from midonet.events.queries.field_values import parse_value
from midonet.events.queries.names import Names, format_value
from midonet.events.suggestions import suggest
from midonet.events.topology import references
from midonet.events.topology.topology import Topology

_CONDITION = re.compile(r"([^=!<>~]+)(!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}

_Test = Callable[[Any], bool]


class Selection:
    """Filters and an order: of a field (`-field`: descending), or by name. References are resolved at once.

    Raises `UsageError` and `InvalidValue` for invalid filters and fields; `NotFound` and `AmbiguousRef` for references.
    """

    def __init__(self, topology: Topology, kind: Kind, filters: Iterable[str], sort: str | None = None) -> None:
        self._tests = [_test(topology, kind, text) for text in filters]
        self.key, self.descending = _order(topology, kind, sort)

    def of(self, entities: Iterable[Any]) -> list[Any]:
        """Return the objects that pass all filters, in order."""
        found = sorted((e for e in entities if all(test(e) for test in self._tests)), key=self.key)
        return found[::-1] if self.descending else found

    def beyond(self, entities: Iterable[Any], last: Any) -> list[Any]:
        """Return the objects that come after the one with the key `last`."""
        return [one for one in entities if (self.key(one) < last if self.descending else self.key(one) > last)]


def select(
    topology: Topology, kind: Kind, filters: Iterable[str], *, sort: str | None = None, after: str | None = None
) -> list[Any]:
    """Return the objects of a kind that a selection shows.

    `after` is a reference: only what comes later in that order.
    """
    selection = Selection(topology, kind, filters, sort)
    found = selection.of(topology.all(kind.name).values())
    return (
        found if after is None else selection.beyond(found, selection.key(references.find(topology, kind.name, after)))
    )


def find_field(kind: Kind, text: str) -> str:
    """Return the field that a text names, with hyphens or underscores; `InvalidValue` lists the fields."""
    field = text.removeprefix("--").replace("-", "_")
    if field not in kind.fields:
        hint = suggest(field, kind.fields) or f"; it has {', '.join(kind.fields)}"
        raise InvalidValue(
            f"a {kind.name} has no field {text!r}{hint}", field=text, kind=kind.name, reason="no-such-field"
        )
    return field


def find_fields(kind: Kind, words: Iterable[str]) -> list[str]:
    """Return the fields that texts name, each once; one text may name several, with commas."""
    named = [one.strip() for text in words for one in text.split(",") if one.strip()]
    return list(dict.fromkeys("kind" if one == "kind" else find_field(kind, one) for one in named))


def _test(topology: Topology, kind: Kind, text: str) -> _Test:
    """Return the test for a filter."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UsageError(f"--filter {text!r} is not of the form FIELD=VALUE (or !=, <, <=, >, >=, ~)")
    path, sign, wanted = match[1].strip(), match[2], match[3]
    name, dot, part = path.partition(".")
    field = find_field(kind, name)
    spec = kind.fields[field]
    if dot:
        inner = _part_named(spec, part)
        test = _value_test(topology, inner, sign, wanted, lambda text: _part_value(topology, spec, inner, text))
        return lambda entity: any(test(getattr(item, inner.name)) for item in _items(getattr(entity, field)))
    test = _value_test(topology, spec, sign, wanted, lambda text: _field_value(topology, kind, spec, text))
    return lambda entity: test(getattr(entity, field))


def _part_named(spec: FieldSpec, text: str) -> FieldSpec:
    parts = {part.name: part for part in spec.parts}
    name = text.replace("-", "_")
    if name not in parts:
        hint = suggest(name, parts) or (f"; it has {', '.join(parts)}" if parts else "")
        raise InvalidValue(f"{spec.name} has no part {text!r}{hint}", field=spec.name, reason="no-such-field")
    return parts[name]


def _items(present: Any) -> Sequence[Any]:
    return present if isinstance(present, tuple) else () if present is None else (present,)


def _field_value(topology: Topology, kind: Kind, spec: FieldSpec, text: str) -> Any:
    return references.values(topology, kind, {spec.name: parse_value(spec, [text])})[spec.name]


def _part_value(topology: Topology, spec: FieldSpec, part: FieldSpec, text: str) -> Any:
    return references.partial(topology, spec, {part.name: parse_value(part, [text])})[part.name]


def _value_test(topology: Topology, spec: FieldSpec, sign: str, wanted: str, read: Callable[[str], Any]) -> _Test:
    match sign:
        case "=" | "!=":
            test = _equals(read(wanted) if wanted else None)
            return test if sign == "=" else lambda present: not test(present)
        case "~":
            names = Names(topology.find)
            return lambda present: fnmatchcase(_text(spec, present, names), wanted)
        case _:
            if spec.base is not int or spec.many:
                raise UsageError(f"{spec.name} is no number; compare it with =, != or ~", field=spec.name)
            number, compare = read(wanted), _COMPARE[sign]
            return lambda present: present is not None and compare(present, number)


def _equals(wanted: Any) -> _Test:
    if wanted is None:
        return lambda present: present in (None, ())
    if isinstance(wanted, tuple):
        return lambda present: all(item in (present or ()) for item in wanted)
    return lambda present: bool(present == wanted)


def _text(spec: FieldSpec, present: Any, names: Names) -> str:
    """Return what a table shows of a value; nothing for an empty one."""
    return "" if present in (None, ()) else format_value(spec, present, names)


def _order(topology: Topology, kind: Kind, sort: str | None) -> tuple[Callable[[Any], Any], bool]:
    """Return the sort key, and whether the order is descending."""
    if sort is None:
        return sort_key, False
    field, names = find_field(kind, sort.removeprefix("-")), Names(topology.find)
    spec = kind.fields[field]

    def key(entity: Any) -> tuple[Any, ...]:
        present = getattr(entity, field)
        empty = present in (None, ())
        if spec.base in (int, bool) and not spec.many:
            return empty, present or 0, sort_key(entity)
        return empty, _natural(format_value(spec, plain(entity)[field], names)), sort_key(entity)

    return key, sort.startswith("-")


def sort_key(entity: Any) -> tuple[Any, ...]:
    """Sort by name, numbers in it by value; then the rest by identity; rules by chain and index."""
    if hasattr(entity, "index"):
        return entity.chain, entity.index
    text = entity.name or " ".join(str(getattr(entity, field)) for field in entity.IDENTITY)
    return entity.name is None, _natural(text), entity.id


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(digits or -1), other) for other, digits in re.findall(r"([^0-9]+)|([0-9]+)", text)]
