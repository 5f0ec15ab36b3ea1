"""Commands: what somebody wants to be done, as a value that can be digested, sent, retried and decided again.

References in it are as people write them (id, name, id prefix); deciding resolves them against the topology of
that moment. The canonical form is what the digest of an idempotent command is made of.
"""

from typing import Any

from msgspec import Struct

from midonet.events.commit import Event, canonical, sha256


class Create(Struct, frozen=True, tag="create", tag_field="op"):
    """Create an object; `fields` may hold `id`, `name` and, for a rule, `index`."""

    kind: str
    fields: dict[str, Any]


class Update(Struct, frozen=True, tag="update", tag_field="op"):
    """Set fields of an object; None clears one. Refused if one of the `vacant` fields has another value already."""

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
    """Bring objects to the state that documents describe: create what is not there, change what differs."""

    documents: list[dict[str, Any]]
    prune: bool = False
    """Delete every object that no document describes."""


class Revert(Struct, frozen=True, tag="revert", tag_field="op"):
    """Take back what a commit did. Deciding reads no log, so the inverse events (`evolve.invert`) travel along."""

    position: int
    events: list[Event]


class SetTag(Struct, frozen=True, tag="set-tag", tag_field="op"):
    """Give a position a name, with the hash and time of the commit there. Refused if another position has it already.

    Unless it is to `move`.
    """

    name: str
    position: int
    hash: str
    time: str
    move: bool = False


class DropTag(Struct, frozen=True, tag="drop-tag", tag_field="op"):
    """Delete a tag; the position that it names stays what it is."""

    name: str


class Expect(Struct, frozen=True, tag="expect", tag_field="op"):
    """Refuse the whole command unless that position was the last one to change the object."""

    kind: str
    ref: str
    position: int


class Pause(Struct, frozen=True, tag="pause", tag_field="op"):
    """Let a projection write nothing to its targets, or (`paused` false) go on."""

    projection: str
    paused: bool = True


class Skip(Struct, frozen=True, tag="skip", tag_field="op"):
    """Let a projection leave a key as it is in its targets, until somebody wants another try."""

    projection: str
    key: str


class Retry(Struct, frozen=True, tag="retry", tag_field="op"):
    """Let a projection try again what is parked or skipped: one key, or all of them."""

    projection: str
    key: str | None = None


class Enable(Struct, frozen=True, tag="enable", tag_field="op"):
    """Let a service run or not: on one node, or on all that have no word of their own."""

    service: str
    node: str | None = None
    enabled: bool = True


class SetUser(Struct, frozen=True, tag="set-user", tag_field="op"):
    """Let a user have these roles, and be `disabled` or not; None leaves either as it is.

    With `new` it is refused if there is one already, without if there is none.
    """

    name: str
    roles: tuple[str, ...] | None = None
    disabled: bool | None = None
    new: bool = False


class DropUser(Struct, frozen=True, tag="drop-user", tag_field="op"):
    """Delete a user; what they did stays in the history."""

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
)


class Command(Struct, frozen=True):
    """One atomic wish: its operations all become one commit, or nothing happens."""

    name: str
    ops: list[Op]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form: the same id with another digest is another command."""
        return sha256(canonical(self))
