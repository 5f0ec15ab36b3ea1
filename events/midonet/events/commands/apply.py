"""Apply: bring the topology to the state that documents describe, in any order of documents (`midoctl apply`).

Three passes. Plan: each document gets the id of the object that it describes, or a new one. Write: references are
resolved (also to objects that are only planned), and objects are created or changed. Order: rules written under a chain
get their indexes. Fields that a document does not mention stay as they are. Only a rule that is identified by nothing
but its index is replaced as a whole, so that it does not inherit the conditions of another rule.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from midonet.events.commands import triggers
from midonet.events.commands.command import Put
from midonet.events.commands.object_rules import build, refuse_derived, refuse_follower, refuse_move
from midonet.events.commands.unit_of_work import UnitOfWork, label
from midonet.events.errors import AmbiguousRef, Conflict, InvalidValue, MidonetError
from midonet.events.model import KINDS, Entity, Kind, kind_of
from midonet.events.model.fields import canonical_id
from midonet.events.model.schema import getter
from midonet.events.suggestions import suggest
from midonet.events.topology import references
from midonet.events.validation_words import type_in_words

_RANK = dict(zip(KINDS, range(len(KINDS)), strict=True))
"""Parents are planned before their parts."""


@dataclass(eq=False)
class _Item:
    """One described object: where it is in the input, and what is known of it so far."""

    where: str
    kind: Kind
    fields: dict[str, Any]
    parent: "_Item | None" = None
    id: str = ""
    identity: tuple[Any, ...] = ()
    """The values that identify the object, if it was written without an id."""
    whole: bool = False
    """Whether fields that are not mentioned get their defaults: so for a rule that is identified by its index."""
    ordered: list["_Item"] | None = None
    """The rules written under this chain, in order."""
    index: int = 1
    """Its index in that list."""
    scope: tuple[str, ...] = ()
    """Where its references are searched first: in itself, its parents and its tenant."""


def put(unit: UnitOfWork, op: Put) -> None:
    """Run the three passes, then prune if requested; errors name the document."""
    items = [
        item for number, document in enumerate(op.documents, 1) for item in _flatten(document, f"document {number}")
    ]
    items.sort(key=lambda item: _RANK[item.kind.name])
    siblings = _Siblings(unit)
    for item in items:
        with _naming(item):
            _plan(unit, siblings, item)
    _refuse_duplicates(items)
    for item in items:
        with _naming(item):
            _write(unit, item)
    for item in items:
        if item.ordered is not None:
            _order(unit, item)
    if op.prune:
        _prune(unit, {item.id for item in items})


class _naming:  # noqa: N801 - a context manager
    """Adds the document to errors that are raised inside."""

    def __init__(self, item: _Item) -> None:
        self.item = item

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, MidonetError):
            name = self.item.fields.get("name") or self.item.fields.get("id") or ""
            where = f"{self.item.where} ({self.item.kind.name}{f' {name}' if name else ''})"
            raise type(error)(f"{where}: {error.message}", **{**error.details, "where": self.item.where}) from None


def _flatten(document: Any, where: str, parent: _Item | None = None, kind: str | None = None) -> Iterator[_Item]:
    if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
        got = type_in_words(document)
        raise InvalidValue(f"{where}: expected a mapping of fields, got {got}", where=where, reason="bad-document")
    fields = dict(document)
    kind_name = fields.pop("kind", kind)
    if not isinstance(kind_name, str) or kind_name not in KINDS or (kind is not None and kind_name != kind):
        guess = suggest(str(kind_name), [kind] if kind is not None else KINDS)
        hint = guess or f"; expected {kind or 'one of ' + ', '.join(KINDS)}"
        raise InvalidValue(f"{where}: kind is {kind_name!r}{hint}", where=where, field="kind", reason="no-such-kind")
    item = _Item(where, kind_of(kind_name), fields, parent)
    if parent is not None and parent.ordered is not None and kind_name == "rule":
        parent.ordered.append(item)
        item.index = len(parent.ordered)
    children = [child for key, part in _nested(item.kind.name).items() for child in _children(item, key, part)]
    yield item
    yield from children


@cache
def _nested(kind: str) -> dict[str, Kind]:
    """Return the keys under which parts of a kind are written inside it, e.g. `ports` under a bridge."""
    return {
        other.cls.NESTED: other
        for other in KINDS.values()
        if other.cls.NESTED and any(kind == other.ref_of[owner].kind for owner in other.cls.OWNER)
    }


def _children(item: _Item, key: str, part: Kind) -> Iterator[_Item]:
    if key not in item.fields:
        return
    documents = item.fields.pop(key)
    if not isinstance(documents, list):
        raise InvalidValue(f"{item.where}: {key}: expected a list", where=item.where, field=key, reason="bad-document")
    if part.name == "rule":
        item.ordered = []
    for number, document in enumerate(documents, 1):
        yield from _flatten(document, f"{item.where}, {key} {number}", item, part.name)


def _plan(unit: UnitOfWork, siblings: "_Siblings", item: _Item) -> None:
    """Find the object that the document describes; plan a new one if there is none."""
    _set_parent(unit, item)
    chosen = item.fields.pop("id", None)
    if chosen is not None:
        item.id = _checked_id(unit, item.kind, chosen)
    else:
        item.id = _find_existing(unit, siblings, item) or unit.new_id()
    item.scope = (item.id, *item.scope)
    if unit.topology.get(item.kind.name, item.id) is None:
        for name in _names(item):
            ids = unit.planned.setdefault((item.kind.name, *name), [])
            if item.id not in ids:
                ids.append(item.id)


def _set_parent(unit: UnitOfWork, item: _Item) -> None:
    """Write the parent's id into a nested document, and resolve it in a plain one."""
    owners = item.kind.cls.OWNER
    if item.parent is not None:
        field_name = next(f for f in owners if item.kind.ref_of[f].kind == item.parent.kind.name)
        if item.fields.get(field_name) not in (None, item.parent.id, item.parent.fields.get("name")):
            raise InvalidValue(
                f"{field_name} differs from the {item.parent.kind.name} that it is written under",
                field=field_name,
                reason="other-parent",
            )
        item.fields[field_name] = item.parent.id
    mine = {f: item.fields[f] for f in owners if item.fields.get(f) is not None}
    item.fields.update(references.values(unit.visible, item.kind, mine, unit.planned))
    item.scope = _scope(item)


def _scope(item: _Item) -> tuple[str, ...]:
    """Return the parents of an item, the nearest one first, and its tenant."""
    tenant = item.fields.get("tenant")
    outer = item.parent.scope if item.parent is not None else _owner(item)
    return (*outer, *([tenant] if isinstance(tenant, str) else []))


def _checked_id(unit: UnitOfWork, kind: Kind, chosen: Any) -> str:
    try:
        object_id = canonical_id(chosen)
    except ValueError as error:
        raise InvalidValue(f"id: {error}", field="id", reason="bad-id") from None
    other = unit.topology.find(object_id)
    if other is not None and kind.name != other.KIND:
        raise Conflict(f"id {object_id} is taken by {label(other)}", id=object_id, reason="id-taken")
    return object_id


def _names(item: _Item) -> Iterator[tuple[str, ...]]:
    """Yield the keys of a planned object: its id, its name, and its name in each place where it is."""
    yield (item.id,)
    name = item.fields.get("name")
    if isinstance(name, str):
        yield (name,)
        for place in item.scope:
            yield name, place


def _find_existing(unit: UnitOfWork, siblings: "_Siblings", item: _Item) -> str | None:
    """Return the existing object with the same identity: index, name or identifying fields."""
    if _by_index(item):
        item.whole = True
        return next(iter(siblings.matching(item, {"index": item.index})), None)
    identity = _identity(unit, item)
    item.identity = (item.kind.name, item.fields.get("tenant"), *_owner(item), *identity.values())
    found = _of_tenant(unit, item, siblings.matching(item, identity))
    if len(found) > 1:
        raise AmbiguousRef(f"{len(found)} objects match: {', '.join(found)}; give the id", candidates=found)
    return found[0] if found else None


def _of_tenant(unit: UnitOfWork, item: _Item, found: list[str]) -> list[str]:
    """Return the candidates of the item's tenant, else those without a tenant, which it may be assigned to.

    If the item names no tenant: those without a tenant, else all.
    """
    if "tenant" not in item.kind.fields:
        return found
    tenants = {object_id: getattr(unit.topology.find(object_id), "tenant", None) for object_id in found}
    mine, free = ([i for i in found if tenants[i] == wanted] for wanted in (item.fields.get("tenant"), None))
    return mine or free or ([] if "tenant" in item.fields else found)


class _Siblings:
    """The objects before anything is written, by their identity among the objects of one parent.

    They are read once, for any number of documents.
    """

    def __init__(self, unit: UnitOfWork) -> None:
        self._draft = unit
        self._ids: dict[tuple[Any, ...], dict[tuple[Any, ...], list[str]]] = {}

    def matching(self, item: _Item, identity: Mapping[str, Any]) -> list[str]:
        """Return the ids of the objects of the item's kind and parent that have these values."""
        family = (item.kind.name, *(_owner(item) or (item.fields["name"],)), *identity)
        if family not in self._ids:
            self._ids[family] = self._by_values(_siblings(self._draft, item), identity)
        return self._ids[family].get(tuple(identity.values()), [])

    @staticmethod
    def _by_values(siblings: Iterable[Entity], fields: Iterable[str]) -> dict[tuple[Any, ...], list[str]]:
        read, found = getter([*fields]), dict[tuple[Any, ...], list[str]]()
        for entity in siblings:
            found.setdefault(read(entity), []).append(entity.id)
        return found


def _by_index(item: _Item) -> bool:
    """Return whether it is a rule that is written under its chain."""
    return item.kind.name == "rule" and item.parent is not None


def _owner(item: _Item) -> tuple[str, ...]:
    return tuple(item.fields[owner] for owner in item.kind.cls.OWNER if item.fields.get(owner))


def _siblings(unit: UnitOfWork, item: _Item) -> Iterable[Any]:
    """Return the objects of the kind with the same parent; those with the same name if the kind has no parents."""
    if _by_index(item):
        return unit.topology.referrers(item.fields["chain"], "rule", "chain")
    owner = next((f for f in item.kind.cls.OWNER if item.fields.get(f)), None)
    if owner is not None:
        return unit.visible.referrers(item.fields[owner], item.kind.name, owner)
    return unit.visible.named(item.kind.name, item.fields["name"])


def _identity(unit: UnitOfWork, item: _Item) -> dict[str, Any]:
    """Return the fields that identify the object: its name, or those that its kind declares."""
    parts = ("name",) if item.fields.get("name") is not None else item.kind.cls.IDENTITY
    written = {part: item.fields.get(part) for part in parts}
    if not parts or written.get("name", "") is None:
        raise InvalidValue(
            "it needs a name or an id, so that applying it again finds it", field="name", reason="needs-name"
        )
    missing = [part for part, value in written.items() if value is None and item.kind.fields[part].required]
    if missing:
        raise InvalidValue(f"{missing[0]} is missing", field=missing[0], reason="missing")
    return references.values(unit.visible, item.kind, written, unit.planned, item.scope)


def _refuse_duplicates(items: list[_Item]) -> None:
    visible: dict[Any, _Item] = {}
    for item in items:
        for key in filter(None, (item.id, item.identity)):
            if key in visible:
                raise Conflict(
                    f"{visible[key].where} and {item.where} describe the same {item.kind.name}",
                    id=item.id,
                    reason="described-twice",
                )
            visible[key] = item


def _write(unit: UnitOfWork, item: _Item) -> None:
    old = unit.topology.get(item.kind.name, item.id)
    fields = _without_unchanged_derived(item.kind, item.fields, old)
    refuse_derived(item.kind, fields)
    values = references.values(unit.visible, item.kind, fields, unit.planned, item.scope)
    if old is None:
        unit.create(build(item.kind, item.id, values))
    else:
        refuse_move(item.kind, old, values)
        _refuse_other_tenant(old, values)
        defaults = {name: spec.default for name, spec in item.kind.writable.items() if item.whole and not spec.required}
        new = msgspec.structs.replace(old, **(defaults | values))
        if new != old:
            refuse_follower(old)
        unit.change(old, new)


def _refuse_other_tenant(old: Entity, values: Mapping[str, Any]) -> None:
    """Raise `InvalidValue` if an object would move from one tenant to another: only `set --tenant` does that."""
    present = getattr(old, "tenant", None)
    if present is not None and values.get("tenant", present) != present:
        raise InvalidValue(
            f"{label(old)} belongs to tenant {present}; {old.KIND} set {old.id} --tenant moves it",
            field="tenant",
            reason="cannot-move",
        )


def _without_unchanged_derived(kind: Kind, fields: Mapping[str, Any], old: Entity | None) -> dict[str, Any]:
    def stays(name: str) -> bool:
        spec = kind.fields.get(name)
        return spec is None or not spec.derived or (old is not None and fields[name] != getattr(old, name))

    return {name: value for name, value in fields.items() if stays(name)}


def _order(unit: UnitOfWork, chain: _Item) -> None:
    """Give the rules written under a chain their indexes; delete its other rules."""
    written = {item.id: None for item in chain.ordered or ()}
    for rule in list(unit.topology.referrers(chain.id, "rule", "chain")):
        if rule.id not in written:
            refuse_follower(rule)
            unit.delete(rule, cascade=False)
    triggers.order(unit, [unit.topology.get("rule", rule_id) for rule_id in written])


def _prune(unit: UnitOfWork, described: set[str]) -> None:
    for entity in [entity for entity in unit.visible if entity.id not in described]:
        if unit.topology.find(entity.id) is not None and entity.follows is None:
            unit.delete(entity, cascade=False)
