"""Commands: requests as values that can be digested, sent, retried and decided again.

References in them are as users write them (id, name, id prefix); deciding resolves them against the present topology.
The digest of an idempotent command is that of its canonical form.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from midonet.events.commit import Event, canonical, sha256


class Create(Struct, frozen=True, tag="create", tag_field="op"):
    """Create an object; `fields` may hold `id`, `name` and, for a rule, `index`."""

    kind: str
    fields: dict[str, Any]


class Update(Struct, frozen=True, tag="update", tag_field="op"):
    """Set fields of an object; None clears one. Refused if one of the `vacant` fields has another value."""

    kind: str
    ref: str
    fields: dict[str, Any]
    vacant: tuple[str, ...] = ()


class Delete(Struct, frozen=True, tag="delete", tag_field="op"):
    """Delete an object, named by `ref` or found by the values of its fields (`where`)."""

    kind: str
    ref: str | None = None
    where: dict[str, Any] = {}
    cascade: bool = False


class AddItem(Struct, frozen=True, tag="add-item", tag_field="op"):
    """Add an element to a list field."""

    kind: str
    ref: str
    field: str
    item: Any


class RemoveItem(Struct, frozen=True, tag="remove-item", tag_field="op"):
    """Remove the elements of a list field that have these values."""

    kind: str
    ref: str
    field: str
    item: Any


class Put(Struct, frozen=True, tag="put", tag_field="op"):
    """Bring objects to the state that documents describe: create missing ones, change differing ones."""

    documents: list[dict[str, Any]]
    prune: bool = False
    """Delete every object that no document describes."""


class Revert(Struct, frozen=True, tag="revert", tag_field="op"):
    """Undo a commit. Deciding reads no log, so the command carries the inverse events (`evolve.invert`)."""

    position: int
    events: list[Event]


class SetTag(Struct, frozen=True, tag="set-tag", tag_field="op"):
    """Name a position, with the hash and time of its commit. Refused if the tag names another position.

    With `move` it is moved.
    """

    name: str
    position: int
    hash: str
    time: str
    move: bool = False


class DropTag(Struct, frozen=True, tag="drop-tag", tag_field="op"):
    """Delete a tag."""

    name: str


class Expect(Struct, frozen=True, tag="expect", tag_field="op"):
    """Refuse the whole command unless the object was last changed at that position."""

    kind: str
    ref: str
    position: int


class CreateTenants(Struct, frozen=True, tag="create-tenants", tag_field="op"):
    """Create the tenants that objects of this command get and that do not exist, in the same commit."""


class Pause(Struct, frozen=True, tag="pause", tag_field="op"):
    """Pause a projection, so that it writes nothing to its targets, or resume it (`paused` false)."""

    projection: str
    paused: bool = True


class Skip(Struct, frozen=True, tag="skip", tag_field="op"):
    """Make a projection skip a key in its targets, until a retry."""

    projection: str
    key: str


class Retry(Struct, frozen=True, tag="retry", tag_field="op"):
    """Make a projection retry what is parked or skipped: one key, or all."""

    projection: str
    key: str | None = None


class Enable(Struct, frozen=True, tag="enable", tag_field="op"):
    """Enable or disable a service: on one node, or on all nodes without a setting of their own."""

    service: str
    node: str | None = None
    enabled: bool = True


class SetUser(Struct, frozen=True, tag="set-user", tag_field="op"):
    """Set the roles of a user, and whether it is `disabled`; None leaves either unchanged.

    With `new` the user must not exist, without `new` it must.
    """

    name: str
    roles: tuple[str, ...] | None = None
    disabled: bool | None = None
    new: bool = False


class DropUser(Struct, frozen=True, tag="drop-user", tag_field="op"):
    """Delete a user; the history keeps its commits."""

    name: str


Op = (
    Create
    | Update
    | Delete
    | AddItem
    | RemoveItem
    | Put
    | Revert
    | SetTag
    | DropTag
    | Pause
    | Skip
    | Retry
    | Enable
    | SetUser
    | DropUser
    | Expect
    | CreateTenants
)


class Command(Struct, frozen=True):
    """One atomic request: its operations become one commit, or nothing happens."""

    name: str
    ops: list[Op]

    @property
    def cost(self) -> int:
        """An estimate of the work to decide it: operations, documents, nested documents and elements of lists."""
        return sum(map(_cost, self.ops))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form: the same id with another digest is another command."""
        return sha256(canonical(self))


def _cost(op: Op) -> int:
    match op:
        case Put():
            return (_PRUNE if op.prune else 1) + sum(_size(document) for document in op.documents)
        case Create() | Update():
            return _size(op.fields)
        case Revert():
            return 1 + len(op.events)
        case _:
            return 1


def _size(document: Mapping[str, Any]) -> int:
    lists = (value for value in document.values() if isinstance(value, (list, tuple)))
    return 1 + sum(_length(items) for items in lists)


def _length(items: Sequence[Any]) -> int:
    if items and isinstance(items[0], Mapping):
        return sum(_size(item) if isinstance(item, Mapping) else 1 for item in items)
    return len(items) // _ELEMENTS


_PRUNE = 1_000
"""Assumed number of objects that are compared and deleted with `prune`."""
_ELEMENTS = 20
"""Elements of a list that take about as long as one object."""
