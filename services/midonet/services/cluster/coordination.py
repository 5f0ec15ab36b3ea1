"""The daemon's session with ZooKeeper, and the definition of a lease.

    <root>/state/services/<service>/members/<node>           ephemeral: the node runs the service
    <root>/state/services/<service>/leases/<item>            persistent, changed by every acquisition
    <root>/state/services/<service>/leases/<item>/holder     ephemeral: {"node", "version"}
    <root>/state/leaders/<service>/…                         the same for leadership

A lease is acquired in one transaction that changes the persistent node. The id of that transaction (zxid) is the epoch
of the lease, so epochs only grow. If two nodes believe to hold an item, for example after one was frozen, the epoch
fences the stale one: writes to ZooKeeper carry `Lease.guard`, any other target rejects an epoch below the highest that
it has seen. A lease without that check is no protection, as it may expire at any moment. kazoo's recipes for locks and
elections have no epoch; therefore this module and `leases.py`.
"""

from collections.abc import Mapping
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple, Protocol

from kazoo.protocol.states import KazooState

from midonet.projections.zookeeper.client import Client

_PATIENCE = 3.0
_GRACE = 0.25
"""Fraction of the session time-out for which leases stay valid without a connection."""

_RECHECK_SECONDS = 10.0
"""Seconds after which a member checks its leases again without a notification."""


class Lease(NamedTuple):
    """One item that this node holds."""

    item: str
    epoch: int
    """Greater than the epoch of every earlier holder."""
    path: str
    version: int
    session: int

    def guard(self, transaction: Any) -> None:
        """Make a kazoo transaction fail (`BadVersionError`) if another node has acquired the item since."""
        transaction.check(self.path, self.version)


class Member(Protocol):
    """One service's leases on this node."""

    service: str

    def leases(self) -> Mapping[str, Lease]:
        """Return the leases that this node holds, by item."""

    def wake(self) -> None:
        """Check the leases soon."""


class Coordination:
    """One ZooKeeper session for all services of this node; reconnects without limit.

    `session_timeout`: seconds after which the leases of a dead node expire.
    """

    def __init__(self, hosts: str, root: str, node: str, *, session_timeout: float = 6.0) -> None:
        self.node = node
        self.root = root
        self.client = Client(hosts, session_timeout)
        self.client.handler.call_timeout = min(_PATIENCE, session_timeout)
        self.connections = 0
        """Number of connections so far; watches end with their connection."""
        self._grace = session_timeout * _GRACE
        self._disconnected_since: float | None = monotonic()
        self._members: list[Member] = []
        self._lock = Lock()
        self.client.add_listener(self._state_changed)

    def start(self) -> None:
        """Start to connect; returns at once."""
        self.client.start_async()

    def close(self) -> None:
        """End the session and with it all ephemeral nodes."""
        self.client.close()

    @property
    def session(self) -> int | None:
        """Id of the session; None if it may have expired."""
        since, client_id = self._disconnected_since, self.client.client_id
        if client_id is None or (since is not None and monotonic() - since > self._grace):
            return None
        return int(client_id[0])

    @property
    def patience(self) -> float:
        """Seconds after which a member checks again whether the session is valid."""
        return _RECHECK_SECONDS if self._disconnected_since is None else self._grace

    def leases(self) -> Mapping[str, list[Lease]]:
        """Return the leases that this node holds, by service."""
        with self._lock:
            members = list(self._members)
        held: dict[str, list[Lease]] = {}
        for member in members:
            held.setdefault(member.service, []).extend(member.leases().values())
        return held

    def add_member(self, member: Member) -> None:
        """Add a member, to be woken when the connection changes."""
        with self._lock:
            self._members.append(member)

    def remove_member(self, member: Member) -> None:
        """Remove a member."""
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
