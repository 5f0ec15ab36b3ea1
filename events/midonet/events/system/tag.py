"""Tags: names of positions of the log, e.g. `before-upgrade`.

A tag is a system object. It holds the hash of its commit, so it also proves everything up to there. Pure.
"""

import re
from typing import ClassVar

from msgspec import Struct

from midonet.events.errors import InvalidValue

TAG = "tag"
"""Keys of events on tags are `tag/<name>`."""

_NAME = re.compile(r"[^\W\d][\w.+-]{0,254}")


class Tag(Struct, frozen=True):
    """A name for a position, with the hash and the time of the commit there."""

    KIND: ClassVar[str] = TAG
    CHANGE: ClassVar[str] = "moved"

    name: str
    position: int
    hash: str
    time: str

    @property
    def key(self) -> str:
        """Return the key of its events."""
        return f"{TAG}/{self.name}"


def is_name(text: str) -> bool:
    """Return whether it is a valid tag name: a letter, then letters, digits and `._+-`; so it is no other moment."""
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """Return the name of a tag; `InvalidValue` if it is none."""
    if not is_name(text):
        raise InvalidValue(
            f"{text!r} is no name for a tag: a letter, then letters, digits and ._+-",
            field="name",
            reason="bad-tag-name",
        )
    return text
