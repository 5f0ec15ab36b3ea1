"""The state of the connection to a switch, and the time of its last change, in terms that scripts can rely on."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from midonet.events.timestamps import utc_now

ConnectionStatus = Literal["connecting", "connected", "unreachable", "not-a-vtep"]
"""`unreachable` is retried without limit; so is `not-a-vtep`: the server has no `hardware_vtep` database."""


class Connection(Struct, frozen=True):
    """The state of a connection, the time of its last change (RFC 3339), and the latest error."""

    state: ConnectionStatus
    since: str
    last_error: str | None


class ConnectionState:
    """Records the state; only a change of the state moves `since`."""

    def __init__(self, now: Callable[[], str] = utc_now) -> None:
        self._now = now
        self.connection = Connection("connecting", now(), None)

    def transition(self, state: ConnectionStatus, error: str | None = None) -> None:
        """Record the state and its error, if any; the last error remains readable."""
        old = self.connection
        since = old.since if old.state == state else self._now()
        self.connection = Connection(state, since, error or old.last_error)
