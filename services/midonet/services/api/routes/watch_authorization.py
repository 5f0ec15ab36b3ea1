"""Whether somebody who watches still may: a stream outlives its request, and must not outlive what was proved then.

Roles are on the log, so they are looked at before every message: none that came after a role was taken away is sent. A
token or a certificate is looked at again every few seconds.
"""

import asyncio
from time import monotonic

from midonet.events.access.authorization import Principal
from midonet.events.errors import MidonetError, Unauthenticated
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node

RECHECK_SECONDS = 5.0
"""After so long a proof is checked again."""


class WatchAuthorization:
    """What one watcher has proved, from the beginning of its request on."""

    def __init__(self, node: Node, call: Call) -> None:
        self._node = node
        self._call = call
        self._principal = call.caller.principal
        self._checked = monotonic()

    async def is_valid(self) -> bool:
        """Return whether the watcher is still who it was, with the same roles."""
        principal = self._principal
        if principal is None:
            return True
        if self._call.caller.is_log_user and not self._has_same_roles(principal):
            return False
        return await self._is_authenticated(principal)

    def _has_same_roles(self, principal: Principal) -> bool:
        """Return whether the user is there, with these roles."""
        user = self._node.user(principal.name)
        return user is not None and not user.disabled and frozenset(user.roles) == principal.roles

    async def _is_authenticated(self, principal: Principal) -> bool:
        if monotonic() - self._checked < RECHECK_SECONDS:
            return True
        self._checked = monotonic()
        try:
            again = await asyncio.to_thread(self._node.authentication.caller, self._call.request)
        except Unauthenticated:
            return False
        except MidonetError:  # the vault is away, or the provider: what was proved stands until they say otherwise
            return True
        return again.principal is not None and again.principal.roles == principal.roles
