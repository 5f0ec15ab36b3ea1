"""Who may see and do what: a principal is a name with roles, and every rule about it is here. Pure.

An object belongs to the tenant that it names, or to that of its parent. What belongs to nobody (hosts, VTEPs, a
provider's router) is for those whose roles count in all of the network. Commands are judged by what they come to, not
by what they say: every object that would be touched, cascades included, as it was and as it would be.
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
"""Stands for all tenants, of which none is called so."""

_UNDERLAY = frozenset({"host", "host-group", "tunnel-zone", "vtep"})
"""What an agent may see."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Principal:
    """Somebody who was recognised, with the roles that count for what is being done."""

    __slots__ = ("__dict__", "name", "roles")

    def __init__(self, name: str, roles: Iterable[str]) -> None:
        self.name = name
        self.roles = frozenset(roles)

    def __repr__(self) -> str:
        return f"Principal({self.name!r}, {sorted(self.roles)})"

    @cached_property
    def administers(self) -> bool:
        """Whether users and secrets are theirs to change."""
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
    def writable(self) -> frozenset[str]:
        """The tenants whose objects they may change."""
        return frozenset(role.partition("@")[2] for role in self.roles if role.startswith("tenant-admin@"))

    @cached_property
    def readable(self) -> frozenset[str]:
        """The tenants whose objects they may read."""
        return frozenset(role.partition("@")[2] for role in self.roles if "@" in role)

    def sees(self, entity: Entity, find: Find) -> bool:
        """Return whether an object may be known to them; `find` gives the objects of that moment by id."""
        if self.reads_all or (entity.KIND in _UNDERLAY and "agent" in self.roles):
            return True
        return not self.readable.isdisjoint(tenants_of(entity, find)) or _shared(entity, find)

    def changes(self, entity: Entity, find: Find) -> bool:
        """Return whether an object may be changed, made and deleted by them."""
        return self.writes_all or (entity.KIND != "tenant" and not self.writable.isdisjoint(tenants_of(entity, find)))


class ProposedChange(NamedTuple):
    """What a command comes to: objects as they were and as they would be, the notes that change, and both sides."""

    touched: Iterable[tuple[Entity | None, Entity | None]]
    system_keys: Iterable[str]
    before: Find
    after: Find


def tenants_of(entity: Entity, find: Find) -> frozenset[str]:
    """Return whom an object belongs to: its own tenant, or that of its parent; nobody if it names none."""
    tenant = getattr(entity, "tenant", None)
    if tenant is not None:
        return frozenset((tenant,))
    if entity.KIND == "tenant":
        return frozenset((entity.name,) if entity.name is not None else ())
    return frozenset(tenant for owner in _owners(entity, find) for tenant in tenants_of(owner, find))


def owners_of(entity: Entity, find: Find) -> frozenset[str]:
    """Return the tenants that an object belongs to, and `SHARED` among them if every tenant may know it."""
    found = tenants_of(entity, find)
    return found | {SHARED} if _shared(entity, find) else found


def _owners(entity: Entity, find: Find) -> Iterable[Entity]:
    ids = (getattr(entity, field) for field in entity.OWNER)
    return [owner for object_id in ids if object_id is not None and (owner := find(object_id)) is not None]


def _shared(entity: Entity, find: Find) -> bool:
    """Return whether every tenant may use an object, or what it is a part of."""
    return bool(getattr(entity, "shared", False)) or any(_shared(owner, find) for owner in _owners(entity, find))


def authorise(principal: Principal, change: ProposedChange) -> None:
    """Raise `Denied` if a principal may not do what a command comes to, `NotFound` where it must not know why."""
    if not principal.administers and any(key.startswith(f"{User.KIND}/") for key in change.system_keys):
        raise _denied(principal, "users are for admins")
    if principal.writes_all:
        return
    if not principal.writable:
        raise _denied(principal, "they may change nothing")
    if any(True for _ in change.system_keys):
        raise _denied(principal, "tags and controls are for operators")
    for old, new in change.touched:
        if old != new:
            _judge(principal, old, change.before)
            _judge(principal, new, change.after)
            _judge_references(principal, old, new, change)


def _judge(principal: Principal, entity: Entity | None, find: Find) -> None:
    if entity is None or principal.changes(entity, find):
        return
    if not principal.sees(entity, find) and tenants_of(entity, find):
        raise _denied(principal, "it would touch what is another tenant's")
    mine = " or ".join(sorted(principal.writable))
    raise _denied(principal, f"a {entity.KIND} that is not of tenant {mine} is not theirs to change")


def _judge_references(principal: Principal, old: Entity | None, new: Entity | None, change: ProposedChange) -> None:
    """Refuse a reference to what one may not know of, unless it was there before or follows of itself."""
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
    """Return an error as a principal may be told it: without a word about objects that it may not know of.

    That there is nothing of an id which they `asked` for tells them nothing.
    """
    if principal.reads_all:
        return error
    known = set(_ID.findall(asked)) if isinstance(error, NotFound) else set()
    for object_id in set(_ID.findall(f"{error.message} {error.details}")) - known:
        found = find(object_id)
        if found is not None and not principal.sees(found, find):
            return _denied(principal, "something that is not theirs stands against it")
    return error


def redact_ids(value: Any, hides: Callable[[str], bool]) -> Any:
    """Return a JSON value with None in the place of every id that is to be hidden; list elements are left out."""
    if isinstance(value, str):
        return None if len(value) == _ID_LENGTH and _ID.fullmatch(value) and hides(value) else value
    if isinstance(value, dict):
        return {key: redact_ids(part, hides) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_ids(part, hides) for part in value]
    return value


_ID_LENGTH = 36
