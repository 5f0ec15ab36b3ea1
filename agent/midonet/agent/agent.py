"""The agent itself: one thread that keeps what it holds up to date and tells others that it lives.

ZooKeeper may be absent at the start, go away for minutes, or hang: the last snapshot stays, and the thread goes on
trying. Nothing but `stop` ends it.
"""

import logging
from collections.abc import Callable, Mapping
from threading import Event
from time import monotonic

from midonet.agent.host.interfaces import Interfaces, State
from midonet.agent.status.status import Process, Status, lines
from midonet.agent.view.documents import Paths
from midonet.agent.view.replica import Replica
from midonet.agent.view.snapshot import Snapshot
from midonet.agent.zookeeper.ephemeral_nodes import Presence, host_node, port_node, rival
from midonet.agent.zookeeper.session import Session
from midonet.events.commit import canonical
from midonet.events.errors import Unavailable
from midonet.events.model.port import Port
from midonet.events.timestamps import utc_now
from midonet.projections.facts import Fact, Interface
from midonet.projections.runtime import logfmt

TICK = 1.0
"""Seconds between two looks at the interfaces of our ports, and between two attempts at what failed or is taken."""

RATE = 2_000_000
"""Bytes per second that an agent writes at most in the long run, however fast positions fly by."""

SCAN = 5.0
"""Seconds between two looks at all interfaces of the machine."""

PAUSE = 0.05
"""Seconds between two publications while positions fly by."""

VERIFY = 10.0
"""Seconds between two looks whether our nodes are still there."""

GRACE = 2.0
"""Seconds that ZooKeeper has to answer after the start before it is called away."""

CLOSE = 4.0
"""Seconds that ZooKeeper has to end the session."""


class Agent:
    """One host's agent; `run` it in a thread of its own. `status` may be read by any thread.

    `told` is called, on the agent's thread, with every new snapshot.
    """

    def __init__(
        self,
        process: Process,
        interfaces: Interfaces,
        *,
        session_timeout: float = 10.0,
        told: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._process = process
        self._interfaces = interfaces
        self._told = told
        self._paths = Paths(process.root)
        self._host_path = self._paths.host_state(process.host)
        self._wake = Event()
        self._stopping = Event()
        self._session = Session(process.zookeeper, timeout=session_timeout, wake=self._wake.set)
        self._replica = Replica(process.root, process.host)
        self._presence = Presence(self._session)
        self._watching = 0
        """The connection that tells of changes, 0 for none."""
        self._reads = 0
        self._bound: tuple[Port, ...] = ()
        self._states: Mapping[str, State] = {}
        self._machine: tuple[Interface, ...] = ()
        self._told_of: dict[str, bytes] = {}
        """The nodes of what other parts of the agent report."""
        self._port_nodes: dict[str, bytes] = {}
        """The nodes of the ports whose interfaces are up."""
        self._active: frozenset[str] = frozenset()
        """Ids of the ports whose nodes are there."""
        self._published: Mapping[str, bytes] | None = None
        """The nodes that are as they should be, None where that is in doubt."""
        self._rival: str | None = None
        self._next_look = self._next_scan = self._next_publication = self._next_verification = 0.0
        self.status = Status(process=process, since=process.started)

    def tell(self, kind: type[Fact], object_id: str, fact: Fact | None) -> None:
        """Report a fact of an object from now on (None: no longer), while this host is registered. By any thread."""
        path = self._paths.state(kind, object_id)
        others = {other: data for other, data in self._told_of.items() if other != path}
        self._told_of = others | ({path: canonical(fact)} if fact is not None else {})
        self._wake.set()

    def run(self) -> None:
        """Work until `stop`, then end the session, and with it the ephemeral nodes."""
        self._session.keep_trying()
        self._wake.wait(GRACE)
        while not self._stopping.is_set():
            self._turn()
            self._wake.wait(self._leisure())
            self._wake.clear()
        self._session.close(CLOSE)

    def stop(self) -> None:
        """Let `run` return, within seconds whatever ZooKeeper does; returns at once."""
        self._stopping.set()
        self._wake.set()

    def _turn(self) -> None:
        try:
            self._work()
            self._report(None)
        except Unavailable as error:
            self._watching = 0
            self._report(error.message)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the agent
            self._watching = 0
            logfmt.log(logging.ERROR, "internal error", error=repr(error))
            self._stopping.wait(TICK)

    def _work(self) -> None:
        if monotonic() >= self._next_look:
            self._look()
        self._session.keep_trying()
        if not self._session.connected:
            raise Unavailable(self._session.trouble or "no connection")
        if self._session.connection != self._watching:
            self._watch()
        if self._catch_up():
            self._adopt()
        self._publish()

    def _leisure(self) -> float:
        """Return how many seconds nothing has to be done, unless something happens."""
        if self._watching and self._replica.pending:
            return 0
        due = self._next_look
        if self._watching and self._desired() != self._published:
            due = min(due, self._next_publication)
        return max(0.0, due - monotonic())

    def _watch(self) -> None:
        """Be told of changes from now on; whatever was known may have changed before."""
        connection = self._session.connection
        self._session.watch(self._paths.pointer)
        self._replica.doubt()
        self._presence.verify()
        self._published = None
        self._watching = connection

    def _catch_up(self) -> bool:
        """Read what changed; return whether there is a new snapshot."""
        self._replica.changed(self._session.changes())
        for path, node in self._session.read(self._replica.wanted()):
            self._replica.store(path, node)
            self._reads += 1
            if self._stopping.is_set():
                return False
        self._replica.changed(self._session.changes())
        if self._session.connection != self._watching:
            raise Unavailable("the connection broke")
        return self._replica.settle()

    def _adopt(self) -> None:
        """Act on a new snapshot."""
        snapshot = self._replica.snapshot
        if snapshot is None:
            return
        self._told(snapshot)
        self._bound = snapshot.bound_to(self._process.host)
        if {port.interface for port in self._bound} == self._states.keys():
            self._select()
        else:
            self._look()

    def _look(self) -> None:
        """See how the interfaces of our ports do."""
        self._states = self._interfaces.states(port.interface for port in self._bound if port.interface)
        self._next_look = monotonic() + TICK
        if self._next_look > self._next_scan:
            self._machine = self._interfaces.all()
            self._next_scan = self._next_look + SCAN - TICK
        self._select()

    def _select(self) -> None:
        """Work out which ports carry traffic."""
        up = (port for port in self._bound if self._states.get(port.interface or "") == "up")
        self._port_nodes = {self._paths.port_state(port.id): port_node(port) for port in up}

    def _desired(self) -> dict[str, bytes]:
        """Return the nodes that there should be; ports only once the host is ours."""
        position = self._replica.snapshot.position if self._replica.snapshot else 0
        nodes = {self._host_path: host_node(self._process, position, self._machine)}
        return nodes | self._port_nodes | self._told_of if self._presence.holds(self._host_path) else nodes

    def _publish(self) -> None:
        time = monotonic()
        if time >= self._next_verification:
            self._presence.verify()
            self._published = None
            self._next_verification = time + VERIFY
        desired = self._desired()
        if desired == self._published or time < self._next_publication:
            return
        before = self._published or {}
        size = sum(len(data) for path, data in desired.items() if before.get(path) != data)
        taken = self._presence.publish(desired)
        self._rival = rival(taken.get(self._host_path))
        self._active = frozenset(path.rpartition("/")[2] for path in self._port_nodes if self._presence.holds(path))
        self._published = None if taken else desired
        self._next_publication = time + (TICK if taken else PAUSE + size / RATE)

    def _report(self, trouble: str | None) -> None:
        before, connected = self.status, trouble is None
        self.status = Status(
            process=self._process,
            connected=connected,
            since=before.since if connected == before.connected else utc_now(),
            trouble=trouble,
            registered=connected and self._presence.holds(self._host_path),
            rival=self._rival,
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
        for level, message, fields in lines(before, self.status):
            logfmt.log(level, message, **fields)
