"""A log, switches, and the daemon that keeps the views of the one in ZooKeeper and in the others."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Self

from commanding import Commanding
from vtep_switch import VtepSwitch
from waiting import eventually

from midonet.events.log import open_log
from midonet.events.log.store import Store
from midonet.events.topology.topology import Topology
from midonet.projections.nsdb import differences, expected_view
from midonet.projections.vtep import Key, Value, VtepProjection, read_checkpoint, read_rows
from midonet.testbed.cluster import ClusterDaemon
from midonet.testbed.view_reader import WholeViewReader

__all__ = ["Scene"]


class Scene(Commanding):
    """Commands go to the log at `url`; daemons that are started here follow it. Closes what it started."""

    def __init__(self, url: str, hosts: str, root: str) -> None:
        self.url, self.hosts, self.root = url, hosts, root
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- the log

    @cached_property
    def store(self) -> Store:  # type: ignore[override]  # it can be set, as the attribute can
        """The log as this test writes to it."""
        log = open_log(self.url)
        self._stack.callback(log.close)
        return Store(log)

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
        with WholeViewReader(self.hosts, self.root) as reader:
            return reader.documents()

    def nsdb_position(self) -> int:
        """Return the checkpoint in ZooKeeper."""
        with WholeViewReader(self.hosts, self.root) as reader:
            return reader.checkpoint().position

    def nsdb_settles(self, seconds: float = 20.0) -> None:
        """Wait until the view in ZooKeeper is at the end of the log, and find it equal to a rebuild."""
        topology = self.rebuilt()
        with WholeViewReader(self.hosts, self.root) as reader:
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
