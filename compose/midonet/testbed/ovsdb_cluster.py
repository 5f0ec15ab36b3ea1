"""A real OVSDB cluster: ovsdb-servers that keep one database together by raft (ovsdb(7), "Clustered Database")."""

import time

from midonet.events.errors import Unavailable
from midonet.testbed.group import Group
from midonet.testbed.ovsdb import OvsdbServer, Schema, schema_file
from midonet.testbed.server import run

_POLL = 0.02
_PATIENCE = 30.0


class OvsdbMember(OvsdbServer):
    """One server of a cluster; the first makes it, the others join it through the first."""

    def __init__(self, schema: Schema, first: "OvsdbMember | None" = None) -> None:
        super().__init__(schema)
        self._first = first
        self.raft = f"tcp:{self.host}:{self.lease_port(self.host)}"

    @property
    def url(self) -> str:
        """Address for clients, as Open vSwitch writes it."""
        return f"tcp:{self.host}:{self.port}"

    def prepare(self) -> None:
        """Create the database, or what it takes to join."""
        if self._first is None:
            run("ovsdb-tool", "create-cluster", self.database, schema_file(self.schema), self.raft)
        else:
            run("ovsdb-tool", "join-cluster", self.database, self.schema, self.raft, self._first.raft)

    def serves(self) -> bool:
        """Whether it has joined and has a leader."""
        status = self._status()
        return "Status: cluster member" in status and "Leader: unknown" not in status

    @property
    def leads(self) -> bool:
        """Whether it reports itself as leader."""
        return "Role: leader" in self._status()

    def _status(self) -> str:
        try:
            return run("ovs-appctl", "-t", self._control, "cluster/status", self.schema)
        except Unavailable:
            return ""


class OvsdbCluster(Group[OvsdbMember]):
    """`n` ≥ 3 servers that go on while a majority of them lives."""

    def __init__(self, n: int = 3, schema: Schema = "hardware_vtep") -> None:
        first = OvsdbMember(schema)
        super().__init__([first, *[OvsdbMember(schema, first) for _ in range(n - 1)]])

    @property
    def urls(self) -> str:
        """Addresses for clients, `tcp:HOST:PORT,…`."""
        return ",".join(member.url for member in self.members)

    def leader(self) -> OvsdbMember:
        """Return the member that leads, once there is one; `Unavailable` if there is none for half a minute."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            for member in self.members:
                if member.running and member.leads:
                    return member
            time.sleep(_POLL)
        raise Unavailable("the cluster has no leader", server="ovsdb")
