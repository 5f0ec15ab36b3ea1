"""Whether a watcher is still authorized: a stream outlives its request, so it must end when the permission ends.

Roles are on the log and are checked before every message; a token or certificate is checked again every few seconds.
"""

import asyncio
from time import monotonic

from midonet.events.access.authorization import Principal
from midonet.events.errors import MidonetError, Unauthenticated
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node

RECHECK_SECONDS = 5.0
"""Interval in seconds between checks of the token or certificate."""


class WatchAuthorization:
    """The authorization of one watcher, from the start of its request."""

    def __init__(self, node: Node, call: Call) -> None:
        self._node = node
        self._call = call
        self._principal = call.caller.principal
        self._checked = monotonic()

    async def is_valid(self) -> bool:
        """Return whether the watcher still has the same user and roles."""
        principal = self._principal
        if principal is None:
            return True
        if self._call.caller.is_log_user and not self._has_same_roles(principal):
            return False
        return await self._is_authenticated(principal)

    def _has_same_roles(self, principal: Principal) -> bool:
        """Return whether the user exists, is enabled and has the same roles."""
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
        except MidonetError:  # vault or provider unavailable: the last result holds
            return True
        return again.principal is not None and again.principal.roles == principal.roles
