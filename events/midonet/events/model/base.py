"""What every kind of the topology has in common, and the view of the topology that its checks may use."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Protocol, Self

import msgspec
from msgspec import Meta, Struct

from midonet.events.model.fields import DERIVED, Name

__all__ = ["Entity", "View"]


class View(Protocol):
    """Read access to a topology: all that pure checks and derivations need."""

    def get(self, kind: str, object_id: str) -> Any:
        """Return the object, or None."""

    def all(self, kind: str) -> Mapping[str, Any]:
        """Return all objects of a kind by id."""

    def referrers(self, object_id: str, kind: str, field: str) -> Iterable[Any]:
        """Return the objects of `kind` whose `field` refers to the object."""


class Entity(Struct, frozen=True, kw_only=True, gc=False):
    """One object of the topology. A kind is one subclass: its declaration is all that the rest is made from."""

    KIND: ClassVar[str] = ""
    OWNER: ClassVar[tuple[str, ...]] = ()
    """Reference fields that name the object's parent (exactly one of them is set)."""
    NESTED: ClassVar[str | None] = None
    """Under which key it may be written inside its parent in YAML, e.g. `ports`."""
    UNIQUE: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Sets of fields whose values no two objects share (only where all of them are set)."""
    IDENTITY: ClassVar[tuple[str, ...]] = ("name",)
    """Fields by which `apply` recognises an object that is written without an id."""
    NUMBERS: ClassVar[Mapping[str, str]] = {}
    """Field → number pool (`midonet.events.pools`) that its value is allocated from."""

    id: str
    name: Annotated[Name | None, Meta(description="Name; need not be unique.")] = None
    position: Annotated[int, DERIVED, Meta(description="Commit that last changed the object.")] = 0

    def derive(self) -> Self:
        """Return the object with what follows from its own other fields (its id included)."""
        return self

    def check(self, view: View) -> None:
        """Raise `InvalidValue` or `Conflict` if the object makes no sense, alone or among the others."""

    def without(self, field: str, target: str) -> Self | None:
        """Return the object after it forgot its reference to `target`; None if it makes no sense without it."""
        value = getattr(self, field)
        if not isinstance(value, tuple):
            return msgspec.structs.replace(self, **{field: None})
        left = tuple(item for item in value if target not in (item, getattr(item, "host", None)))
        return msgspec.structs.replace(self, **{field: left})

    @staticmethod
    def verb(changed: Mapping[str, tuple[Any, Any]]) -> str:
        """Name the event for these changed fields (old, new): `updated`, or a domain word that says more."""
        del changed
        return "updated"
