"""The daemon's session with ZooKeeper, and what a lease is: how nodes agree on who does what.

    <root>/state/services/<service>/members/<node>           ephemeral: the node runs the service
    <root>/state/services/<service>/leases/<item>            persistent, changed by everybody who takes the item
    <root>/state/services/<service>/leases/<item>/holder     ephemeral: {"node", "version"}
    <root>/state/leaders/<service>/…                         the same for leadership, an item of its own

A lease is taken in one transaction that changes the persistent node: the number of that transaction (zxid) is the
lease's epoch, so epochs only grow. So of two nodes that both believe to hold an item (one of them was frozen, say) a
target can tell the stale one: what it does in ZooKeeper goes with `Lease.guard`, and any other target refuses an epoch
lower than the highest that it has seen. A lease alone proves nothing: it may be over when its holder next looks at a
clock. kazoo's recipes for locks and elections know no epoch, hence this module and `ownership.py`.
"""

from collections.abc import Mapping
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple, Protocol

from kazoo.protocol.states import KazooState

from midonet.projections.zookeeper.client import Client

_PATIENCE = 3.0
_GRACE = 0.25
"""The part of the session's time-out for which leases are trusted without a connection."""

_RECHECK_SECONDS = 10.0
"""A member looks again after this time, even if it heard of no change."""


class Lease(NamedTuple):
    """One item that this node holds."""

    item: str
    epoch: int
    """Greater than that of every holder before."""
    path: str
    version: int
    session: int

    def guard(self, transaction: Any) -> None:
        """Let a transaction of kazoo fail (`BadVersionError`) if another node has taken the item since."""
        transaction.check(self.path, self.version)


class Member(Protocol):
    """A service's part in the coordination of all nodes."""

    service: str

    def leases(self) -> Mapping[str, Lease]:
        """Return what this node holds now, by item."""

    def wake(self) -> None:
        """Look again, soon."""


class Coordination:
    """One session with ZooKeeper for all services of this node; connects for ever.

    `session_timeout` (seconds) is how long a node that died goes unnoticed.
    """

    def __init__(self, hosts: str, root: str, node: str, *, session_timeout: float = 6.0) -> None:
        self.node = node
        self.root = root
        self.client = Client(hosts, session_timeout)
        self.client.patience = min(_PATIENCE, session_timeout)
        self.connections = 0
        """How many connections there have been: watches live no longer than theirs."""
        self._grace = session_timeout * _GRACE
        self._disconnected_since: float | None = monotonic()
        self._members: list[Member] = []
        self._lock = Lock()
        self.client.add_listener(self._state_changed)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self.client.start_async()

    def close(self) -> None:
        """End the session, and with it all that is ephemeral."""
        self.client.close()

    @property
    def session(self) -> int | None:
        """Number of the session; None if it may be over."""
        since, client_id = self._disconnected_since, self.client.client_id
        if client_id is None or (since is not None and monotonic() - since > self._grace):
            return None
        return int(client_id[0])

    @property
    def patience(self) -> float:
        """Seconds after which a member looks again whether the session still counts."""
        return _RECHECK_SECONDS if self._disconnected_since is None else self._grace

    def leases(self) -> Mapping[str, list[Lease]]:
        """Return what this node holds at the moment, by service."""
        with self._lock:
            members = list(self._members)
        held: dict[str, list[Lease]] = {}
        for member in members:
            held.setdefault(member.service, []).extend(member.leases().values())
        return held

    def add_member(self, member: Member) -> None:
        """Take note of a member that is at work."""
        with self._lock:
            self._members.append(member)

    def remove_member(self, member: Member) -> None:
        """Forget a member."""
        with self._lock:
            self._members = [other for other in self._members if other is not member]

    def _state_changed(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self.connections += 1
            self._disconnected_since = None
        elif self._disconnected_since is None:
            self._disconnected_since = monotonic()
        with self._lock:
            members = list(self._members)
        for member in members:
            member.wake()
