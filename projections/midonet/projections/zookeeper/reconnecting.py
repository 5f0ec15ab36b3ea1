"""Meeting servers again that have gone back in time: ZooKeeper whose data were restored from a backup.

A server refuses a client that has seen a later transaction than it has itself: it takes itself for one that lags
behind, and closes the connection. Kazoo would tell it of that transaction for ever. One that lags catches up in much
less than the time that a session lasts; so after that this one is forgotten, and the server says what has become of
the session. Nothing else is given up here.
"""

import time
from typing import Any

from kazoo.exceptions import ConnectionDropped
from kazoo.protocol.connection import ConnectionHandler

__all__ = ["Reconnecting"]


class Reconnecting(ConnectionHandler):  # type: ignore[misc]  # kazoo ships no types
    """Kazoo's connections, one after the other, of one client."""

    _refused_since: float | None = None

    def _connect(self, *address: Any) -> Any:
        try:
            agreed = super()._connect(*address)
        except ConnectionDropped:
            if self._socket is not None and self._refused_for_long():
                self.client.last_zxid = 0
            raise
        self._refused_since = None
        return agreed

    def _refused_for_long(self) -> bool:
        """Whether servers that were reached have refused the session, without a success, for as long as it lasts."""
        now = time.monotonic()
        if self._refused_since is None:
            self._refused_since = now
        lasts: float = self.client._session_timeout / 1000  # noqa: SLF001 - kazoo has no other name for it
        return now - self._refused_since >= lasts
