"""The base of all kinds, and the view of the topology that their checks use."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Protocol, Self, TypeVar

import msgspec
from msgspec import Struct

from midonet.events.errors import InvalidValue
from midonet.events.model.fields import DERIVED, Name, about


class View(Protocol):
    """Read access to a topology: all that pure checks and derivations need."""

    def get(self, kind: str, object_id: str) -> Any:
        """Return the object, or None."""

    def all(self, kind: str) -> Mapping[str, Any]:
        """Return all objects of a kind by id."""

    def referrers(self, object_id: str, kind: str, field: str) -> Iterable[Any]:
        """Return the objects of `kind` whose `field` (`field.part` inside a structure) refers to the object."""


class Part(Struct, frozen=True, kw_only=True, gc=False):
    """A structure inside an object, or an object itself; it may hold references, which can be cleared."""

    def without(self, field: str, target: str) -> Self | None:
        """Return it without its reference to `target`; None if that is required."""
        return forget(self, field, target)


_P = TypeVar("_P", bound=Struct)


def forget(part: _P, field: str, target: str) -> _P | None:
    """Return a structure without its reference to `target` in `field` (dotted inside); None if it needs that."""
    name, _, inner = field.partition(".")
    left = _left(getattr(part, name), inner, target)
    if left is None and name in _required(type(part)):
        return None
    return msgspec.structs.replace(part, **{name: left})


def _left(value: Any, field: str, target: str) -> Any:
    if isinstance(value, tuple):
        return tuple(item for one in value if (item := _left(one, field, target)) is not None)
    if value is None or value == target:
        return None
    return value.without(field, target) if field else value


@cache
def _required(cls: type[Struct]) -> frozenset[str]:
    return frozenset(info.name for info in msgspec.structs.fields(cls) if info.required)


class Entity(Part, frozen=True, kw_only=True, gc=False):
    """One object of the topology. A kind is one subclass: everything else is derived from its declaration."""

    KIND: ClassVar[str] = ""
    OWNER: ClassVar[tuple[str, ...]] = ()
    """Reference fields that name the object's parent (exactly one of them is set)."""
    NESTED: ClassVar[str | None] = None
    """Under which key it may be written inside its parent in YAML, e.g. `ports`."""
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {}
    """Sets of fields whose values no two objects share (only where all are set) → the reason of the refusal."""
    IDENTITY: ClassVar[tuple[str, ...]] = ("name",)
    """Fields by which `apply` finds an object that is written without an id."""
    EXCLUSIVE: ClassVar[bool] = False
    """Whether only the object that it follows may refer to an object of the kind."""
    NUMBERS: ClassVar[Mapping[str, str]] = {}
    """Field → id range (`midonet.events.commands.id_allocation`) of its value."""

    id: str
    name: Annotated[Name | None, about("Name; need not be unique.")] = None
    position: Annotated[int, DERIVED, about("Commit that last changed the object.")] = 0

    @property
    def follows(self) -> str | None:
        """What the object is created, changed and deleted with, as text; None for an object that users create."""
        return None

    def derive(self) -> Self:
        """Return the object with what follows from its own other fields (its id included)."""
        return self

    def check(self, view: View) -> None:
        """Raise `InvalidValue` or `Conflict` if the object is invalid, alone or among the others."""

    def check_step(self, old: Self | None, view: View) -> None:
        """Raise if the change from its old form (None: it is new) is invalid."""

    def check_owner(self) -> None:
        """Raise `InvalidValue` unless exactly one of several possible parents is named."""
        if sum([getattr(self, field) is not None for field in self.OWNER]) != 1:
            raise InvalidValue(
                f"a {self.KIND} is on exactly one of {_listed(self.OWNER)}", field=self.OWNER[0], reason="one-owner"
            )

    def check_named(self) -> None:
        """Raise `InvalidValue` if it has no name."""
        if self.name is None:
            raise InvalidValue(f"a {self.KIND} needs a name", field="name", reason="needs-name")

    @staticmethod
    def verb(changed: Mapping[str, tuple[Any, Any]]) -> str:
        """Name the event for these changed fields (old, new): `updated`, or a more specific name."""
        del changed
        return "updated"


def _listed(names: Iterable[str]) -> str:
    *others, last = (f"a {name}" for name in names)
    return f"{', '.join(others)} and {last}"


def list_verb(changed: Mapping[str, tuple[Any, Any]], field: str, item: str) -> str:
    """Return `<item>-added` or `<item>-removed` if nothing but that list grew or shrank, else `updated`."""
    if set(changed) != {field}:
        return "updated"
    old, new = (len(side or ()) for side in changed[field])
    return f"{item}-added" if new > old else f"{item}-removed" if new < old else "updated"
