"""Describe events in one line each: what an event changed, for a history or a difference.

Pure and independent of any index: the description uses only the events themselves, so it also covers objects that were
deleted. Nothing here is needed to fold or to verify a log.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from midonet.events.commit import Event, canonical
from midonet.events.model import KINDS, FieldSpec, Kind
from midonet.events.queries.names import EMPTY_VALUES, Names, format_value
from midonet.events.system import objects


def describe(event: Event, names: Names) -> str:
    """Return one line that describes an event, e.g. `port p1 of bridge web bound: host none → hv1, …`.

    The event must have been added to `names`.
    """
    kind_name, _, object_id = event.key.partition("/")
    verb = event.type.rpartition(".")[2]
    kind = KINDS.get(kind_name)
    if kind_name in objects.SYSTEM_KINDS:
        return objects.describe(event)
    if kind is None:
        return f"{event.key} {verb}"
    label = names.label(object_id)
    if verb == "deleted":
        return f"{label} deleted"
    parts = _given(kind, event.data, names) if verb == "created" else _changed(kind, event.data["changed"], names)
    plain_verb = verb == "updated" or verb.endswith(("-added", "-removed"))  # the list shows the change
    subject = label if plain_verb else f"{label} {verb}"
    return f"{subject}: {', '.join(parts)}" if parts else subject


def _given(kind: Kind, data: Mapping[str, Any], names: Names) -> list[str]:
    """Return the fields of a new object that are neither defaults nor in its label."""
    shown = {"id", "kind", "name", *kind.cls.OWNER, *(() if data.get("name") else kind.cls.IDENTITY)}
    return [
        f"{field} {format_value(spec, data[field], names)}"
        for field, spec in kind.fields.items()
        if field not in shown and not spec.derived and data.get(field) not in (*EMPTY_VALUES, spec.default)
    ]


def _changed(kind: Kind, changed: Mapping[str, Sequence[Any]], names: Names) -> list[str]:
    """Return what changed; derived fields only where nothing else changed."""
    specs = {field: kind.fields.get(field) for field in changed}
    chosen = [field for field, spec in specs.items() if spec is None or not spec.derived]
    return [_change(specs[f], f, changed[f][0], changed[f][1], names) for f in chosen or changed]


def _change(spec: FieldSpec | None, field: str, old: Any, new: Any, names: Names) -> str:
    if spec is not None and spec.many:
        added = [f"+ {format_value(spec, [item], names)}" for item in _only_in(new or (), old or ())]
        removed = [f"- {format_value(spec, [item], names)}" for item in _only_in(old or (), new or ())]
        return f"{field} {' '.join(added + removed) or 'in another order'}"
    return f"{field} {format_value(spec, old, names)} → {format_value(spec, new, names)}"


def _only_in(items: Sequence[Any], others: Sequence[Any]) -> Iterator[Any]:
    """Yield the items that are not, or not as often, among the others; in linear time."""
    left = Counter(map(_hashable, others))
    for item in items:
        key = _hashable(item)
        if left[key]:
            left[key] -= 1
        else:
            yield item


def _hashable(item: Any) -> Hashable:
    return item if isinstance(item, str) else canonical(item)
