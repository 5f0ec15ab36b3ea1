"""What a vault is: values by name, sealed where they lie, that can be changed and taken away for good.

The log only ever holds names of secrets: it is copied and kept for ever, a secret has to be replaced and forgotten.
"""

import re
from typing import Protocol

from midonet.events.errors import InvalidValue

MAX_VALUE = 64 * 1024
"""Bytes that a secret may have."""

_NAME = re.compile(r"[^\W_][\w.+@/-]{0,254}")


class Vault(Protocol):
    """Any thread may ask; several processes may share one. What fails raises `Unavailable` or `Misconfigured`."""

    def get(self, name: str) -> bytes | None:
        """Return a secret; None if there is none of that name."""
        ...

    def put(self, name: str, value: bytes) -> None:
        """Keep a secret, durably, in the place of the one before."""
        ...

    def delete(self, name: str) -> bool:
        """Forget a secret; return whether there was one."""
        ...

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin so, in order."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


def is_name(name: str) -> bool:
    """Return whether something can be kept under a name."""
    return _NAME.fullmatch(name) is not None


def check_secret(name: str) -> str:
    """Return the name of a secret; `InvalidValue` if it can be none."""
    if not is_name(name):
        raise InvalidValue(
            f"{name[:80]!r} is no name for a secret: a letter or digit, then letters, digits and ._+@/-",
            field="name",
            reason="bad-name",
        )
    return name
