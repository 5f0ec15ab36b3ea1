"""A log, switches, and the daemon that keeps the views of the one in ZooKeeper and in the others."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Self
from uuid import uuid4

from vtep_switch import VtepSwitch

from midonet.events.command import Command, Create, Delete, Op, Update
from midonet.events.log import open_log
from midonet.events.log.store import Context, Store
from midonet.events.topology import Topology
from midonet.projections.nsdb import differences, expected_view
from midonet.projections.vtep import Key, Value, VtepProjection, read_checkpoint, read_rows
from midonet.projections.zookeeper import ViewReader
from midonet.testbed.cluster import ClusterDaemon

__all__ = ["Scene", "eventually"]


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


class Scene:
    """Commands go to the log at `url`; daemons that are started here follow it. Closes what it started."""

    def __init__(self, url: str, hosts: str, root: str) -> None:
        self.url, self.hosts, self.root = url, hosts, root
        self._stack = ExitStack()
        self._store: Store | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- the log

    @property
    def store(self) -> Store:
        """The log as this test writes to it."""
        if self._store is None:
            log = open_log(self.url)
            self._stack.callback(log.close)
            self._store = Store(log)
        return self._store

    def run(self, *ops: Op) -> int:
        """Run one command; return its position."""
        return self.store.execute(Command("test", list(ops)), Context(actor="test")).position

    def create(self, kind: str, **fields: Any) -> str:
        """Create an object; return its id."""
        object_id = str(uuid4())
        self.run(Create(kind, {"id": object_id, **fields}))
        return object_id

    def set(self, kind: str, ref: str, **fields: Any) -> int:
        """Set fields of an object; return the position."""
        return self.run(Update(kind, ref, fields))

    def delete(self, kind: str, ref: str, *, cascade: bool = False) -> int:
        """Delete an object; return the position."""
        return self.run(Delete(kind, ref, cascade=cascade))

    def rebuilt(self) -> Topology:
        """Return what the log comes to, read from its first commit."""
        store = Store(self.store.log)
        store.refresh()
        return store.topology

    # -- switches and what hangs on them

    def switch(self) -> VtepSwitch:
        """Start a switch."""
        return self._stack.enter_context(VtepSwitch())

    def vtep(self, switch: VtepSwitch, name: str) -> str:
        """Create a VTEP for a switch; return its id."""
        return self.create("vtep", name=name, management_ip=switch.host, management_port=switch.port)

    def bind(self, vtep: str, vlan: int, bridge: str) -> str:
        """Bind a bridge to a switch's first port; return the binding's id."""
        return self.create("vtep-binding", vtep=vtep, physical_port="swp1", vlan=vlan, bridge=bridge)

    # -- the daemon

    def daemon(self, *options: str) -> ClusterDaemon:
        """Start a daemon."""
        daemon = self.absent(*options)
        daemon.start()
        return daemon

    def absent(self, *options: str) -> ClusterDaemon:
        """Return a daemon that was not started."""
        daemon = ClusterDaemon("--log", self.url, "--zookeeper", self.hosts, "--root", self.root, *options)
        self._stack.callback(daemon.close)
        return daemon

    # -- the views

    def documents(self) -> Mapping[str, bytes]:
        """Return the view in ZooKeeper."""
        with ViewReader(self.hosts, self.root) as reader:
            return reader.documents()

    def nsdb_position(self) -> int:
        """Return the checkpoint in ZooKeeper."""
        with ViewReader(self.hosts, self.root) as reader:
            return reader.checkpoint().position

    def nsdb_settles(self, seconds: float = 20.0) -> None:
        """Wait until the view in ZooKeeper is at the end of the log, and find it equal to a rebuild."""
        topology = self.rebuilt()
        with ViewReader(self.hosts, self.root) as reader:
            reader.wait(topology.head.position, seconds)
            assert differences(reader.documents(), expected_view(topology, reader.base())) == []

    def vtep_settles(self, vtep: str, switch: VtepSwitch, seconds: float = 20.0) -> None:
        """Wait until a switch is at the end of the log, and find it equal to a rebuild."""
        topology = self.rebuilt()
        eventually(lambda: read_checkpoint(*switch.tcp).position == topology.head.position, seconds)
        assert read_rows(*switch.tcp) == expected_rows(topology, vtep)


def expected_rows(topology: Topology, vtep: str) -> dict[Key, Value]:
    """Return the rows that a VTEP should hold, from scratch."""
    projection = VtepProjection(vtep)
    projection.attach(topology)
    rendered = ((key, projection.render(key)) for key in projection.keys())  # noqa: SIM118 - no mapping
    return {key: value for key, value in rendered if value is not None}
