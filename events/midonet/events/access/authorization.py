"""Authorization: what a principal, a name with roles, may read and change. Pure.

An object belongs to the tenant that it names, or to that of its parent. Objects without a tenant (hosts, VTEPs, a
provider's router) require a role that applies to the whole network. Commands are authorized by their effects, not by
their text: every object that would be touched, cascades included, as it was and as it would be.
"""

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple

from midonet.events.errors import Denied, MidonetError, NotFound
from midonet.events.model import KINDS, Entity
from midonet.events.system.user import User

Find = Callable[[str], Entity | None]

SHARED = "\0"
"""Stands for all tenants; no tenant has this name."""

_UNDERLAY = frozenset({"host", "host-group", "tunnel-zone", "vtep"})
"""Kinds that an agent may read."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Principal:
    """An authenticated user, with the roles that apply to the present request."""

    __slots__ = ("__dict__", "name", "roles")

    def __init__(self, name: str, roles: Iterable[str]) -> None:
        self.name = name
        self.roles = frozenset(roles)

    def __repr__(self) -> str:
        return f"Principal({self.name!r}, {sorted(self.roles)})"

    @cached_property
    def administers(self) -> bool:
        """Whether they may change users and secrets."""
        return "admin" in self.roles

    @cached_property
    def writes_all(self) -> bool:
        """Whether they may change the whole network."""
        return bool(self.roles & {"admin", "operator"})

    @cached_property
    def reads_all(self) -> bool:
        """Whether they may read everything."""
        return bool(self.roles & {"admin", "operator", "reader"})

    @cached_property
    def writes(self) -> bool:
        """Whether they may change anything at all."""
        return self.writes_all or bool(self.writable)

    @cached_property
    def writable(self) -> frozenset[str]:
        """The tenants whose objects they may change."""
        return frozenset(role.partition("@")[2] for role in self.roles if role.startswith("tenant-admin@"))

    @cached_property
    def readable(self) -> frozenset[str]:
        """The tenants whose objects they may read."""
        return frozenset(role.partition("@")[2] for role in self.roles if "@" in role)

    def sees(self, entity: Entity, find: Find) -> bool:
        """Return whether they may read an object; `find` returns the objects of that moment by id."""
        if self.reads_all or (entity.KIND in _UNDERLAY and "agent" in self.roles):
            return True
        return not self.readable.isdisjoint(tenants_of(entity, find)) or _shared(entity, find)

    def changes(self, entity: Entity, find: Find) -> bool:
        """Return whether they may create, change and delete an object."""
        return self.writes_all or (entity.KIND != "tenant" and not self.writable.isdisjoint(tenants_of(entity, find)))


class ProposedChange(NamedTuple):
    """The effects of a command: objects before and after, keys of system objects that change, and both states."""

    touched: Iterable[tuple[Entity | None, Entity | None]]
    system_keys: Iterable[str]
    before: Find
    after: Find


def tenants_of(entity: Entity, find: Find) -> frozenset[str]:
    """Return the tenants that an object belongs to: its own, or those of its parents; empty if it has none."""
    tenant = getattr(entity, "tenant", None)
    if tenant is not None:
        return frozenset((tenant,))
    if entity.KIND == "tenant":
        return frozenset((entity.name,) if entity.name is not None else ())
    return frozenset(tenant for owner in _owners(entity, find) for tenant in tenants_of(owner, find))


def owners_of(entity: Entity, find: Find) -> frozenset[str]:
    """Return the tenants that an object belongs to, with `SHARED` if every tenant may read it."""
    found = tenants_of(entity, find)
    return found | {SHARED} if _shared(entity, find) else found


def _owners(entity: Entity, find: Find) -> Iterable[Entity]:
    ids = (getattr(entity, field) for field in entity.OWNER)
    return [owner for object_id in ids if object_id is not None and (owner := find(object_id)) is not None]


def _shared(entity: Entity, find: Find) -> bool:
    """Return whether every tenant may use an object, or its parent."""
    return bool(getattr(entity, "shared", False)) or any(_shared(owner, find) for owner in _owners(entity, find))


def authorise(principal: Principal, change: ProposedChange) -> None:
    """Raise `Denied` if a principal may not make a change, `NotFound` where it must not learn why."""
    if not principal.administers and any(key.startswith(f"{User.KIND}/") for key in change.system_keys):
        raise _denied(principal, "users are for admins")
    if principal.writes_all:
        return
    if not principal.writes:
        raise _denied(principal, "they may change nothing")
    if any(True for _ in change.system_keys):
        raise _denied(principal, "tags and controls are for operators")
    for old, new in change.touched:
        if old != new:
            _check(principal, old, change.before)
            _check(principal, new, change.after)
            _check_references(principal, old, new, change)


def _check(principal: Principal, entity: Entity | None, find: Find) -> None:
    if entity is None or principal.changes(entity, find):
        return
    if not principal.sees(entity, find) and tenants_of(entity, find):
        raise _denied(principal, "it would touch what is another tenant's")
    mine = " or ".join(sorted(principal.writable))
    raise _denied(principal, f"a {entity.KIND} that is not of tenant {mine} may not be changed by them")


def _check_references(principal: Principal, old: Entity | None, new: Entity | None, change: ProposedChange) -> None:
    """Refuse a new reference to an object that the principal may not read, unless it is derived."""
    if new is None:
        return
    kind = KINDS[new.KIND]
    known = set(kind.targets(old)) if old is not None else set()
    for field, target in kind.targets(new):
        found = change.after(target) or change.before(target)
        derived = kind.fields[field.partition(".")[0]].derived
        if (field, target) in known or derived or found is None or principal.sees(found, change.after):
            continue
        wanted = kind.ref_of[field].kind.replace("|", " or ")
        raise NotFound(f"{field}: there is no {wanted} {target!r}", field=field, kind=wanted, ref=target)


def _denied(principal: Principal, why: str) -> Denied:
    return Denied(f"{principal.name} may not do that: {why}", principal=principal.name, reason="not-allowed")


def redact_error(error: MidonetError, principal: Principal, find: Find, asked: str) -> MidonetError:
    """Return an error as a principal may read it: without objects that it may not read.

    That an id which they `asked` for does not exist discloses nothing.
    """
    if principal.reads_all:
        return error
    known = set(_ID.findall(asked)) if isinstance(error, NotFound) else set()
    for object_id in set(_ID.findall(f"{error.message} {error.details}")) - known:
        found = find(object_id)
        if found is not None and not principal.sees(found, find):
            return _denied(principal, "it conflicts with an object that they may not read")
    return error


def redact_ids(value: Any, hides: Callable[[str], bool]) -> Any:
    """Return a JSON value with None in place of every id that is hidden; hidden list elements are omitted."""
    if isinstance(value, str):
        return None if len(value) == _ID_LENGTH and _ID.fullmatch(value) and hides(value) else value
    if isinstance(value, dict):
        return {key: redact_ids(part, hides) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_ids(part, hides) for part in value]
    return value


_ID_LENGTH = 36
