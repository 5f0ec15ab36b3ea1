"""A switch with an old schema: it gets what it can take, and says what it cannot."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from vtep_switch import VtepSwitch, mac, reconcile

from midonet.projections.vtep import Key, Value, VtepTarget, read_rows
from midonet.testbed.server import run

RED = "mn-red"
PLAIN: dict[Key, Value] = {
    ("switch", RED): 10001,
    ("binding", "swp1", 0): RED,
    ("ucast", RED, mac(1)): ("172.31.0.1", "10.0.0.1"),
    ("mcast", RED, "unknown-dst"): ("172.31.0.1",),
}
MODERN: dict[Key, Value] = {("replication", RED): "source_node", ("bfd", "172.31.0.1"): "172.31.9.1"}


class OldSwitch(VtepSwitch):
    """Its schema is of the time before replication modes, tunnels, faults, routers and ACLs."""

    def prepare(self) -> None:
        """Create the database by a schema without what came later."""
        schema = json.loads(Path("/usr/share/openvswitch/vtep.ovsschema").read_text())
        tables = schema["tables"]
        for table in ("Tunnel", "Logical_Router", "ACL", "ACL_entry", "Arp_Sources_Local", "Arp_Sources_Remote"):
            del tables[table]
        for table, columns in {
            "Physical_Switch": ("tunnels", "switch_fault_status"),
            "Physical_Port": ("port_fault_status", "acl_bindings"),
            "Logical_Switch": ("replication_mode",),
        }.items():
            for column in columns:
                del tables[table]["columns"][column]
        old = self.directory / "old.ovsschema"
        old.write_text(json.dumps({name: value for name, value in schema.items() if name != "cksum"}))
        run("ovsdb-tool", "create", self.database, old)
        run("ovsdb-tool", "transact", self.database, '["hardware_vtep", {"op":"insert","table":"Global","row":{}}]')

    def start(self) -> None:
        """Start and describe the hardware; vtep-ctl wants the new schema."""
        super(VtepSwitch, self).start()
        port = {"op": "insert", "table": "Physical_Port", "row": {"name": "swp1"}, "uuid-name": "p"}
        row = {"name": "tor", "ports": ["named-uuid", "p"], "tunnel_ips": "172.31.9.1", "management_ips": self.host}
        switch = {"op": "insert", "table": "Physical_Switch", "row": row, "uuid-name": "s"}
        add = [["switches", "insert", ["named-uuid", "s"]]]
        self.transact(port, switch, {"op": "mutate", "table": "Global", "where": [], "mutations": add})


@pytest.fixture
def switch() -> Iterator[OldSwitch]:
    """An old switch instead of the usual one."""
    with OldSwitch() as server:
        yield server


def test_it_gets_what_it_can_take(switch: OldSwitch, target: VtepTarget) -> None:
    reconcile(target, {**PLAIN, **MODERN}, 1)
    assert read_rows(*switch.tcp) == PLAIN
    assert target.waiting().keys() == MODERN.keys()
    assert "does not support replication modes" in target.waiting()["replication", RED]
    assert not target.drifted()
    assert reconcile(target, {**PLAIN, **MODERN}, 2) == {}
    report = target.report()
    assert report is not None
    assert (report.name, report.tunnel_ips, report.faults, report.bfd) == ("tor", ["172.31.9.1"], None, [])
    reconcile(target, {}, 3)
    assert read_rows(*switch.tcp) == {}
