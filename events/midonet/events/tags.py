"""Tags: names that people give to positions of the log, e.g. `before-upgrade`.

A tag is a note on the log and no part of the network: it is no kind of the model, so that no view shows it, no export
holds it and no `apply --prune` removes it; and it is called by its name, not by an id. Setting, moving and deleting one
are events like all others. A tag holds the hash of its commit, so it also witnesses everything up to there. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from midonet.events.commit import Event
from midonet.events.errors import InvalidValue

__all__ = ["TAG", "Tag", "check_name", "describe", "evolved", "is_name", "tag_event"]

TAG = "tag"
"""Keys of events on tags are `tag/<name>`."""

_VERSION = 1
_NAME = re.compile(r"[^\W\d][\w.+-]{0,254}")


class Tag(Struct, frozen=True):
    """A name for a position, with the hash and the time of the commit there."""

    KIND: ClassVar[str] = TAG

    name: str
    position: int
    hash: str
    time: str


def is_name(text: str) -> bool:
    """Tell whether a tag can be called so: a letter, then letters, digits and `._+-`; so it is no other moment."""
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """Return a name of a tag; `InvalidValue` if it can be none."""
    if not is_name(text):
        raise InvalidValue(
            f"{text!r} is no name for a tag: a letter, then letters, digits and ._+-",
            field="name",
            reason="bad-tag-name",
        )
    return text


def tag_event(name: str, old: Tag | None, new: Tag | None) -> Event | None:
    """Return the event that turns `old` into `new` (None: absent); None if nothing differs."""
    key = f"{TAG}/{name}"
    if old == new:
        return None
    if old is None or new is None:
        return Event(f"{TAG}.{'created' if old is None else 'deleted'}", _VERSION, key, msgspec.to_builtins(new or old))
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    changed = {field: [before[field], value] for field, value in after.items() if before[field] != value}
    return Event(f"{TAG}.moved", _VERSION, key, {"changed": changed})


def evolved(old: Tag | None, verb: str, data: Mapping[str, Any]) -> Tag | None:
    """Return what an event makes of a tag; raises `msgspec.ValidationError`, `KeyError` or `TypeError` for bad data."""
    if verb == "deleted":
        return None
    if old is None:
        return msgspec.convert(data, Tag)
    return replace(old, **{field: pair[1] for field, pair in data["changed"].items()})


def describe(event: Event) -> str:
    """Return one line that says what an event did to a tag."""
    name, verb = event.key.partition("/")[2], event.type.rpartition(".")[2]
    if verb == "moved":
        old, new = event.data["changed"]["position"]
        return f"tag {name} moved: position {old} → {new}"
    return f"tag {name} {verb}: position {event.data['position']}"
