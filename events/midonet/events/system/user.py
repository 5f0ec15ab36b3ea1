"""Users and their roles, as system objects, so that they have a history like everything else.

A user holds roles and no secrets. Password verifiers and tokens are in the vault: a log is copied and kept for ever,
and nothing can be removed from it. Pure.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from msgspec import Struct

from midonet.events.errors import InvalidValue

GLOBAL = ("admin", "operator", "reader", "agent")
"""Roles in the whole network: everything; everything but users and secrets; reading; reading hosts and VTEPs."""

IN_TENANT = ("tenant-admin", "reader")
"""Roles in one tenant, written ROLE@TENANT: changing and reading its objects, and only reading them."""

_NAME = re.compile(r"[^\W_][\w.+@-]{0,127}")
_MAX_TENANT = 255


class User(Struct, frozen=True):
    """A user, with roles that apply unless the user is disabled."""

    KIND: ClassVar[str] = "user"
    CHANGE: ClassVar[str] = "updated"

    name: str
    roles: tuple[str, ...] = ()
    disabled: bool = False

    @property
    def key(self) -> str:
        """Return the key of its events."""
        return f"{self.KIND}/{self.name}"


def check_user(name: str) -> str:
    """Return the name of a user; `InvalidValue` if it is none."""
    if _NAME.fullmatch(name) is None:
        raise InvalidValue(
            f"{name[:80]!r} is no name for a user: a letter or digit, then letters, digits and ._+@-",
            field="name",
            reason="bad-name",
        )
    return name


def check_role(text: str) -> str:
    """Return a role as it is written; `InvalidValue` if there is none of that name."""
    role, at, tenant = text.partition("@")
    known = IN_TENANT if at else GLOBAL
    if role not in known or (at and not (1 <= len(tenant) <= _MAX_TENANT and tenant.isprintable())):
        raise InvalidValue(
            f"there is no role {text[:80]!r}; there are {', '.join(GLOBAL)}, "
            f"{' and '.join(f'{one}@TENANT' for one in IN_TENANT)}",
            field="roles",
            reason="bad-role",
        )
    return text


def roles_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return roles in their order, each once; raises as `check_role`."""
    return tuple(sorted({check_role(text) for text in texts}))
