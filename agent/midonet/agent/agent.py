"""The agent: one thread that keeps the snapshot of this host up to date and reports that the host lives.

ZooKeeper may be unreachable at the start or later, or hang: the last snapshot remains, and the thread retries.
Only `stop` ends it.
"""

import logging
from collections.abc import Callable, Mapping
from threading import Event
from time import monotonic

from midonet.agent.host.interfaces import Interfaces, State
from midonet.agent.status.status import Process, Status, changes
from midonet.agent.view.documents import Paths
from midonet.agent.view.replica import Replica
from midonet.agent.view.snapshot import Snapshot
from midonet.agent.zookeeper.records import describe_owner, host_record, port_record
from midonet.agent.zookeeper.session import Session
from midonet.events.commit import canonical
from midonet.events.errors import Unavailable
from midonet.events.model.port import Port
from midonet.events.timestamps import utc_now
from midonet.projections.facts import Fact, Interface
from midonet.projections.runtime import logfmt
from midonet.projections.zookeeper.ephemeral_nodes import EphemeralNodes

TICK = 1.0
"""Seconds between two reads of the state of our ports' interfaces, and between two attempts at what failed."""

RATE = 2_000_000
"""Bytes per second that an agent writes at most in the long run, however often its position changes."""

SCAN = 5.0
"""Seconds between two scans of all interfaces of the machine."""

PAUSE = 0.05
"""Seconds between two publications at least."""

VERIFY = 10.0
"""Seconds between two checks that our nodes still exist."""

GRACE = 2.0
"""Seconds after the start before an absent ZooKeeper is reported."""

CLOSE = 4.0
"""Seconds that ZooKeeper has to end the session."""


class Agent:
    """The agent of one host; call `run` on a thread of its own. Any thread may read `status`.

    `on_snapshot` is called with every new snapshot, on the agent's thread.
    """

    def __init__(
        self,
        process: Process,
        interfaces: Interfaces,
        *,
        session_timeout: float = 10.0,
        on_snapshot: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._process = process
        self._interfaces = interfaces
        self._on_snapshot = on_snapshot
        self._paths = Paths(process.root)
        self._host_path = self._paths.host_state(process.host)
        self._wake = Event()
        self._stopping = Event()
        self._session = Session(process.zookeeper, timeout=session_timeout, wake=self._wake.set)
        self._replica = Replica(process.root, process.host)
        self._nodes = EphemeralNodes(self._session.client)
        self._watched_connection = 0
        """Number of the connection on which the view is watched, 0 for none."""
        self._reads = 0
        self._bound: tuple[Port, ...] = ()
        self._states: Mapping[str, State] = {}
        self._machine: tuple[Interface, ...] = ()
        self._reported: dict[str, bytes] = {}
        """Nodes that other parts of the agent report, by path."""
        self._port_nodes: dict[str, bytes] = {}
        """Nodes of the ports whose interfaces are up, by path."""
        self._active: frozenset[str] = frozenset()
        """Ids of the ports whose nodes exist."""
        self._published: Mapping[str, bytes] | None = None
        """Nodes known to be as desired, None if that is not known."""
        self._other_agent: str | None = None
        self._next_poll = self._next_scan = self._next_publication = self._next_verification = 0.0
        self.status = Status(process=process, since=process.started)

    def report(self, kind: type[Fact], object_id: str, fact: Fact | None) -> None:
        """Publish a fact of an object while this host is registered; None removes it. Any thread may call it."""
        path = self._paths.state(kind, object_id)
        others = {other: data for other, data in self._reported.items() if other != path}
        self._reported = others | ({path: canonical(fact)} if fact is not None else {})
        self._wake.set()

    def run(self) -> None:
        """Work until `stop`, then end the session, and with it the ephemeral nodes."""
        self._session.keep_connecting()
        self._wake.wait(GRACE)
        while not self._stopping.is_set():
            self._iterate()
            self._wake.wait(self._idle_seconds())
            self._wake.clear()
        self._session.close(CLOSE)

    def stop(self) -> None:
        """Let `run` return within seconds, even if ZooKeeper hangs; returns at once."""
        self._stopping.set()
        self._wake.set()

    def _iterate(self) -> None:
        try:
            self._work()
            self._update_status(None)
        except Unavailable as error:
            self._watched_connection = 0
            self._update_status(error.message)
        except Exception as error:  # noqa: BLE001 - a bug must not end the agent
            self._watched_connection = 0
            logfmt.log(logging.ERROR, "internal error", error=repr(error))
            self._stopping.wait(TICK)

    def _work(self) -> None:
        if monotonic() >= self._next_poll:
            self._poll_interfaces()
        self._session.keep_connecting()
        if not self._session.connected:
            raise Unavailable(self._session.trouble or "no connection")
        if self._session.connection != self._watched_connection:
            self._watch()
        if self._read_changes():
            self._apply_snapshot()
            self._update_status(None)  # before the position is published: who reads it finds the snapshot here
        self._publish()

    def _idle_seconds(self) -> float:
        """Return after how many seconds there is work, if nothing happens before."""
        if self._watched_connection and self._replica.pending:
            return 0
        due = self._next_poll
        if self._watched_connection and self._desired() != self._published:
            due = min(due, self._next_publication)
        return max(0.0, due - monotonic())

    def _watch(self) -> None:
        """Watch the view on a new connection, and read everything again: it may have changed meanwhile."""
        connection = self._session.connection
        self._session.watch(self._paths.pointer)
        self._replica.invalidate()
        self._nodes.verify()
        self._published = None
        self._watched_connection = connection

    def _read_changes(self) -> bool:
        """Read what changed; return whether there is a new snapshot."""
        self._replica.changed(self._session.changes())
        for path, node in self._session.read(self._replica.wanted()):
            self._replica.store(path, node)
            self._reads += 1
            if self._stopping.is_set():
                return False
        self._replica.changed(self._session.changes())
        if self._session.connection != self._watched_connection:
            raise Unavailable("the connection broke")
        return self._replica.update_snapshot()

    def _apply_snapshot(self) -> None:
        snapshot = self._replica.snapshot
        if snapshot is None:
            return
        self._on_snapshot(snapshot)
        self._bound = snapshot.bound_to(self._process.host)
        if {port.interface for port in self._bound} == self._states.keys():
            self._select_active_ports()
        else:
            self._poll_interfaces()

    def _poll_interfaces(self) -> None:
        """Read the state of our ports' interfaces, and at times all interfaces of the machine."""
        self._states = self._interfaces.states(port.interface for port in self._bound if port.interface)
        self._next_poll = monotonic() + TICK
        if self._next_poll > self._next_scan:
            self._machine = self._interfaces.all()
            self._next_scan = self._next_poll + SCAN - TICK
        self._select_active_ports()

    def _select_active_ports(self) -> None:
        up = (port for port in self._bound if self._states.get(port.interface or "") == "up")
        self._port_nodes = {self._paths.port_state(port.id): port_record(port) for port in up}

    def _desired(self) -> dict[str, bytes]:
        """Return the nodes to publish: only the host's own until it is held."""
        position = self._replica.snapshot.position if self._replica.snapshot else 0
        nodes = {self._host_path: host_record(self._process, position, self._machine)}
        return nodes | self._port_nodes | self._reported if self._nodes.holds(self._host_path) else nodes

    def _publish(self) -> None:
        time = monotonic()
        if time >= self._next_verification:
            self._nodes.verify()
            self._published = None
            self._next_verification = time + VERIFY
        desired = self._desired()
        if desired == self._published or time < self._next_publication:
            return
        before = self._published or {}
        size = sum(len(data) for path, data in desired.items() if before.get(path) != data)
        taken = self._nodes.publish(desired)
        self._other_agent = describe_owner(taken.get(self._host_path))
        self._active = frozenset(path.rpartition("/")[2] for path in self._port_nodes if self._nodes.holds(path))
        self._published = None if taken else desired
        self._next_publication = time + (TICK if taken else PAUSE + size / RATE)

    def _update_status(self, trouble: str | None) -> None:
        before, connected = self.status, trouble is None
        self.status = Status(
            process=self._process,
            connected=connected,
            since=before.since if connected == before.connected else utc_now(),
            trouble=trouble,
            registered=connected and self._nodes.holds(self._host_path),
            other_agent=self._other_agent,
            snapshot=self._replica.snapshot,
            checkpoint=self._replica.position,
            waiting=self._replica.waiting,
            problems=self._replica.problems,
            bound=self._bound,
            interfaces=self._states,
            active=self._active if connected else frozenset(),
            documents=self._replica.documents,
            reads=self._reads,
            reconnects=max(0, self._session.connection - 1),
        )
        for level, message, fields in changes(before, self.status):
            logfmt.log(level, message, **fields)
