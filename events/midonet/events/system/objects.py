"""System objects: tags of positions, controls of projections and services, and users.

A system object is identified by its name, not by an id. It is not a kind of the model: no view and no export contains
it, and `apply --prune` does not delete it. Creating, changing and deleting one are events like all others, and are
reverted like them. Its key is `<kind>/<name>`. Pure.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from midonet.events.commit import Event
from midonet.events.system.control import ProjectionControl, ServiceControl
from midonet.events.system.tag import Tag
from midonet.events.system.user import User

SystemObject = Tag | ProjectionControl | ServiceControl | User

SYSTEM_KINDS: Mapping[str, type[SystemObject]] = {
    cls.KIND: cls for cls in (Tag, ProjectionControl, ServiceControl, User)
}
"""Kinds of system objects, by the first part of their keys."""

_VERSION = 1


def is_system_key(key: str) -> bool:
    """Return whether an event's key is that of a system object."""
    return key.partition("/")[0] in SYSTEM_KINDS


def plain_system_object(system_object: SystemObject) -> dict[str, Any]:
    """Return the fields of a system object as JSON values."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(system_object))
    return found


def system_event(key: str, old: SystemObject | None, new: SystemObject | None) -> Event | None:
    """Return the event that turns `old` into `new` (None: absent); None if nothing differs."""
    kind = key.partition("/")[0]
    if old == new:
        return None
    if old is None or new is None:
        verb = "created" if old is None else "deleted"
        return Event(f"{kind}.{verb}", _VERSION, key, plain_system_object(new or old))  # type: ignore[arg-type]  # one is there
    before, after = plain_system_object(old), plain_system_object(new)
    changed = {field: [before[field], value] for field, value in after.items() if before[field] != value}
    return Event(f"{kind}.{new.CHANGE}", _VERSION, key, {"changed": changed})


def evolved(key: str, old: SystemObject | None, verb: str, data: Mapping[str, Any]) -> SystemObject | None:
    """Return a system object after an event; bad data raises `ValidationError`, `KeyError` or `TypeError`."""
    cls: Any = SYSTEM_KINDS[key.partition("/")[0]]
    if verb == "deleted":
        return None
    if old is None:
        made: SystemObject = msgspec.convert(data, cls)
        return made
    changed = {field: pair[1] for field, pair in data["changed"].items()}
    changed_note: SystemObject = msgspec.convert({**msgspec.to_builtins(old), **changed}, cls)
    return changed_note


def describe(event: Event) -> str:
    """Return one line that describes an event of a system object."""
    kind, _, name = event.key.partition("/")
    verb = event.type.rpartition(".")[2]
    if kind == Tag.KIND:
        return _describe_tag(name, verb, event.data)
    if kind == User.KIND:
        return f"user {name}{_describe_user(verb, event.data)}"
    subject = f"{kind} {name}".replace("@", " on node ")
    parts = (
        _describe_projection(name, verb, event.data)
        if kind == ProjectionControl.KIND
        else _describe_service(verb, event)
    )
    return f"{subject}: {', '.join(parts)}" if parts else f"{subject} {verb}"


def _describe_tag(name: str, verb: str, data: Mapping[str, Any]) -> str:
    if verb == "moved":
        old, new = data["changed"]["position"]
        return f"tag {name} moved: position {old} → {new}"
    return f"tag {name} {verb}: position {data['position']}"


def _describe_user(verb: str, data: Mapping[str, Any]) -> str:
    if verb == "deleted":
        return " deleted"
    values = {field: pair[1] for field, pair in data["changed"].items()} if "changed" in data else data
    parts = [f"roles {', '.join(values['roles']) or 'none'}"] if "roles" in values else []
    if "changed" in data:
        parts += ["disabled" if values["disabled"] else "enabled"] if "disabled" in values else []
        return f": {', '.join(parts)}"
    return f" created: {', '.join(parts + ['disabled'] * values['disabled'])}"


def _describe_projection(name: str, verb: str, data: dict[str, Any]) -> list[str]:
    plain = ProjectionControl(name)
    if verb in ("created", "deleted"):
        whole = msgspec.convert(data, ProjectionControl)
        old, new = (plain, whole) if verb == "created" else (whole, plain)
        return new.since(old)
    sides = [{field: pair[side] for field, pair in data["changed"].items()} for side in (0, 1)]
    old, new = (msgspec.convert({**msgspec.to_builtins(plain), **side}, ProjectionControl) for side in sides)
    return new.since(old)


def _describe_service(verb: str, event: Event) -> list[str]:
    enabled = event.data["changed"]["enabled"][1] if "changed" in event.data else event.data["enabled"]
    if verb == "deleted":
        return ["as on all other nodes" if "@" in event.key else "enabled"]
    return ["enabled" if enabled else "disabled"]


def control_of(system: Mapping[str, SystemObject], projection: str) -> ProjectionControl:
    """Return the control of a projection."""
    found = system.get(f"{ProjectionControl.KIND}/{projection}")
    return found if isinstance(found, ProjectionControl) else ProjectionControl(projection)


def runs(system: Mapping[str, SystemObject], service: str, node: str | None = None) -> bool:
    """Return whether a service is enabled on a node; without one, on nodes without a setting of their own."""
    for control in (ServiceControl(service, node), ServiceControl(service)):
        found = system.get(control.key)
        if isinstance(found, ServiceControl):
            return found.enabled
    return True
