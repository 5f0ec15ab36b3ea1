"""Operations on system objects: tags, controls of projections and services, users. Pure."""

import msgspec

from midonet.events.commands.command import DropTag, DropUser, Enable, Pause, Retry, SetTag, SetUser, Skip
from midonet.events.commands.unit_of_work import UnitOfWork
from midonet.events.errors import Conflict, NotFound
from midonet.events.suggestions import suggest
from midonet.events.system.control import ProjectionControl, ServiceControl, check_key, check_word
from midonet.events.system.objects import SystemObject, control_of, runs
from midonet.events.system.tag import TAG, Tag, check_name
from midonet.events.system.user import User, check_user, roles_of


def set_tag(unit: UnitOfWork, op: SetTag) -> None:
    """Give a position a name; `Conflict` if the tag names another position and is not to move."""
    head = unit.topology.head
    new = Tag(check_name(op.name), op.position, op.hash, op.time)
    old = unit.topology.tags.get(op.name)
    if op.position > head.position or (op.position == head.position and op.hash != head.hash):
        raise NotFound(f"there is no such position {op.position}: the log ends at {head.position}", end=head.position)
    if old is not None and old.position != op.position and not op.move:
        raise Conflict(
            f"tag {op.name} names position {old.position} already; --move moves it", field="name", reason="tag-taken"
        )
    unit.topology.system[new.key] = new


def drop_tag(unit: UnitOfWork, op: DropTag) -> None:
    """Delete a tag; `NotFound` if there is none of that name."""
    if unit.topology.system.pop(f"{TAG}/{op.name}", None) is None:
        raise NotFound(f"there is no tag {op.name!r}", tag=op.name)


def pause(unit: UnitOfWork, op: Pause) -> None:
    """Pause a projection, or let it write again."""
    _set_control(unit, msgspec.structs.replace(_control_of(unit, op.projection), paused=op.paused))


def skip(unit: UnitOfWork, op: Skip) -> None:
    """Skip a key of a view: it is not changed in the targets."""
    _set_control(unit, _control_of(unit, op.projection).skipping(check_key(op.key)))


def retry(unit: UnitOfWork, op: Retry) -> None:
    """Try again what is parked or skipped."""
    _set_control(unit, _control_of(unit, op.projection).retrying(op.key))


def _control_of(unit: UnitOfWork, projection: str) -> ProjectionControl:
    return control_of(unit.topology.system, check_word(projection, "projection"))


def _set_control(unit: UnitOfWork, new: ProjectionControl) -> None:
    _set_system_object(unit, new, unless=new.plain)


def enable(unit: UnitOfWork, op: Enable) -> None:
    """Enable or disable a service; what is the default anyway is not stored."""
    service, node = check_word(op.service, "service"), op.node and check_word(op.node, "node")
    anyway = runs(unit.topology.system, service) if node else True
    _set_system_object(unit, ServiceControl(service, node, op.enabled), unless=op.enabled == anyway)


def _set_system_object(unit: UnitOfWork, new: SystemObject, *, unless: bool) -> None:
    unit.topology.system.pop(new.key, None)
    if not unless:
        unit.topology.system[new.key] = new


def set_user(unit: UnitOfWork, op: SetUser) -> None:
    """Create or change a user; `NotFound` or `Conflict` if the user is absent or present against `op.new`."""
    new = User(check_user(op.name))
    old = unit.topology.system.get(new.key)
    if old is None and not op.new:
        raise _no_user(unit, op.name)
    if old is not None and op.new:
        raise Conflict(f"there is a user {op.name} already", field="name", reason="user-exists")
    found = old if isinstance(old, User) else new
    unit.topology.system[new.key] = msgspec.structs.replace(
        found,
        roles=found.roles if op.roles is None else roles_of(op.roles),
        disabled=found.disabled if op.disabled is None else op.disabled,
    )


def drop_user(unit: UnitOfWork, op: DropUser) -> None:
    """Delete a user; `NotFound` if there is none of that name."""
    if unit.topology.system.pop(f"{User.KIND}/{op.name}", None) is None:
        raise _no_user(unit, op.name)


def _no_user(unit: UnitOfWork, name: str) -> NotFound:
    names = [user.name for user in unit.topology.system.values() if isinstance(user, User)]
    return NotFound(f"there is no user {name!r}{suggest(name, names)}", user=name)
