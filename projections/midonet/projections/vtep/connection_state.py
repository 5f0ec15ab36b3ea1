"""How the connection to a switch stands, and since when: a state to show, in words that scripts can rely on."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from midonet.events.timestamps import utc_now

ConnectionStatus = Literal["connecting", "connected", "unreachable", "not-a-vtep"]
"""`unreachable` is retried for ever, and so is `not-a-vtep`: what answers there has no `hardware_vtep` database."""


class Connection(Struct, frozen=True):
    """The state of a connection, since when it is so (RFC 3339), and what went wrong last."""

    state: ConnectionStatus
    since: str
    last_error: str | None


class ConnectionState:
    """Follows a connection; only a change of the state moves `since`."""

    def __init__(self, now: Callable[[], str] = utc_now) -> None:
        self._now = now
        self.connection = Connection("connecting", now(), None)

    def transition(self, state: ConnectionStatus, error: str | None = None) -> None:
        """Note the state, and what was wrong if anything; the last error stays to be read."""
        old = self.connection
        since = old.since if old.state == state else self._now()
        self.connection = Connection(state, since, error or old.last_error)
