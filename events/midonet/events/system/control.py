"""Controls: settings of projections and services by operators, e.g. that one is paused, or disabled on a node.

Like tags they are system objects and no part of the network: no view and no export contains them. A default is not
stored. Pure.
"""

import re
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from midonet.events.errors import InvalidValue

_WORD = re.compile(r"\w[\w.+-]{0,254}")
_MAX_KEY = 1_000
_MAX_SKIPPED = 1_000


class ProjectionControl(Struct, frozen=True):
    """The control of a projection, on all its targets and on every node."""

    KIND: ClassVar[str] = "projection"
    CHANGE: ClassVar[str] = "updated"

    name: str
    paused: bool = False
    """Nothing is written to its targets."""
    skipped: tuple[str, ...] = ()
    """Skipped keys: they are not changed in the targets."""
    retried: int = 0
    """How often a retry of what is parked was requested."""

    @property
    def key(self) -> str:
        """Return the key of its events."""
        return f"{self.KIND}/{self.name}"

    @property
    def plain(self) -> bool:
        """Whether it has all defaults."""
        return self == ProjectionControl(self.name)

    def skipping(self, key: str) -> "ProjectionControl":
        """Return it with one more skipped key; `InvalidValue` if there are too many."""
        if key in self.skipped:
            return self
        if len(self.skipped) == _MAX_SKIPPED:
            raise InvalidValue(
                f"projection {self.name} skips {_MAX_SKIPPED} keys already", field="key", reason="too-many-keys"
            )
        return replace(self, skipped=(*self.skipped, key))

    def retrying(self, key: str | None) -> "ProjectionControl":
        """Return it with another retry of a key (None: all keys), which is no longer skipped."""
        left = tuple(skipped for skipped in self.skipped if key not in (None, skipped))
        return replace(self, skipped=left, retried=self.retried + 1)

    def since(self, old: "ProjectionControl") -> list[str]:
        """Describe the differences from an earlier form."""
        words = ["paused" if self.paused else "resumed"] if self.paused != old.paused else []
        words += [f"skips {key}" for key in self.skipped if key not in old.skipped]
        words += [f"no longer skips {key}" for key in old.skipped if key not in self.skipped]
        return words + ["tries again what is parked"] * (old.retried < self.retried)


class ServiceControl(Struct, frozen=True):
    """Whether a service is enabled: on a node, or (None) on all nodes without a control of their own."""

    KIND: ClassVar[str] = "service"
    CHANGE: ClassVar[str] = "updated"

    name: str
    node: str | None = None
    enabled: bool = True

    @property
    def key(self) -> str:
        """Return the key of its events."""
        return f"{self.KIND}/{self.name}" + (f"@{self.node}" if self.node is not None else "")


def check_word(text: str, what: str) -> str:
    """Return a name of a projection, service or node; `InvalidValue` if it is none."""
    if _WORD.fullmatch(text) is None:
        raise InvalidValue(
            f"{text[:80]!r} is no name for a {what}: letters, digits and ._+-",
            field=what,
            reason="bad-name",
        )
    return text


def check_key(text: str) -> str:
    """Return a key of a view; `InvalidValue` if it is none."""
    if not 1 <= len(text) <= _MAX_KEY or not text.isprintable():
        raise InvalidValue(f"a key is one line of 1 to {_MAX_KEY} characters", field="key", reason="bad-key")
    return text
