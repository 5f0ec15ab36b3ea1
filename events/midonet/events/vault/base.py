"""The protocol of vaults: secrets by name, encrypted where they are stored, that can be replaced and deleted.

The log only holds names of secrets: it is copied and kept for ever, while a secret must be replaceable and deletable.
"""

import re
from typing import Protocol

from midonet.events.errors import InvalidValue

MAX_VALUE = 64 * 1024
"""Bytes that a secret may have."""

_NAME = re.compile(r"[^\W_][\w.+@/-]{0,254}")


class Vault(Protocol):
    """Thread-safe; several processes may share one. Failures raise `Unavailable` or `Misconfigured`."""

    def get(self, name: str) -> bytes | None:
        """Return a secret; None if there is none of that name."""
        ...

    def put(self, name: str, value: bytes) -> None:
        """Store a secret durably; it replaces the one before."""
        ...

    def delete(self, name: str) -> bool:
        """Delete a secret; return whether there was one."""
        ...

    def names(self, prefix: str = "") -> list[str]:
        """Return the names with a prefix, sorted."""
        ...

    def close(self) -> None:
        """Release its resources."""
        ...


def is_name(name: str) -> bool:
    """Return whether it is a valid name of a secret."""
    return _NAME.fullmatch(name) is not None


def check_secret(name: str) -> str:
    """Return the name of a secret; `InvalidValue` if it is none."""
    if not is_name(name):
        raise InvalidValue(
            f"{name[:80]!r} is no name for a secret: a letter or digit, then letters, digits and ._+@/-",
            field="name",
            reason="bad-name",
        )
    return name
