"""Replication modes and BFD on a real OVSDB server: what is written, what is repaired, and what is left alone."""

from collections.abc import Callable
from typing import Any

import pytest
from vtep_switch import VtepSwitch, keep, reconcile
from waiting import eventually

from midonet.projections.ovsdb import encode_map, encode_set, named_ref, ref
from midonet.projections.vtep import Key, Value, VtepTarget, read_rows

RED = "mn-red"
LOCAL, HOST = "172.31.9.1", "172.31.0.1"
WATCHED: Key = ("bfd", HOST)
DESIRED: dict[Key, Value] = {
    ("switch", RED): 10001,
    ("replication", RED): "source_node",
    ("binding", "swp1", 0): RED,
    ("mcast", RED, "unknown-dst"): (HOST, "172.31.0.2"),
    WATCHED: LOCAL,
    ("bfd", "172.31.0.2"): LOCAL,
}


def add_tunnel(switch: VtepSwitch, remote: str, params: dict[str, str], local: str = LOCAL) -> str:
    """Add a tunnel as the switch's own software does; return its UUID."""
    (hardware,) = switch.table("Physical_Switch")
    ends = {row["dst_ip"]: uuid for uuid, row in switch.table("Physical_Locator").items()}
    operations: list[dict[str, Any]] = []
    places = []
    for number, address in enumerate((local, remote)):
        if address not in ends:
            row = {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": address}
            name = f"l{number}"
            operations.append({"op": "insert", "table": "Physical_Locator", "row": row, "uuid-name": name})
        places.append(ref(ends[address]) if address in ends else named_ref(f"l{number}"))
    tunnel = {"local": places[0], "remote": places[1], "bfd_params": encode_map(params)}
    operations.append({"op": "insert", "table": "Tunnel", "row": tunnel, "uuid-name": "t"})
    add = [["tunnels", "insert", encode_set([named_ref("t")])]]
    where = [["_uuid", "==", ref(hardware)]]
    operations.append({"op": "mutate", "table": "Physical_Switch", "where": where, "mutations": add})
    return str(switch.transact(*operations)[-2]["uuid"][1])


def tunnels(switch: VtepSwitch) -> dict[str, dict[str, str]]:
    """Return the BFD parameters of all tunnels by remote address."""
    ends = {uuid: row["dst_ip"] for uuid, row in switch.table("Physical_Locator").items()}
    return {ends[row["remote"][1]]: dict(row["bfd_params"][1]) for row in switch.table("Tunnel").values()}


def test_modes_and_tunnels_are_written_and_read_back(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    assert not target.drifted()
    assert read_rows(*switch.tcp) == DESIRED
    assert switch.vtep_ctl("get", "Logical_Switch", RED, "replication_mode").strip() == "source_node"
    whole = {"enable": "true", "midonet": "row"}
    assert tunnels(switch) == {HOST: whole, "172.31.0.2": whole}
    reconcile(target, {("switch", RED): 10001}, 2)
    assert switch.vtep_ctl("get", "Logical_Switch", RED, "replication_mode").strip() == "[]"
    assert tunnels(switch) == {}
    reconcile(target, DESIRED, 3)
    reconcile(target, {}, 4)
    assert read_rows(*switch.tcp) == {}
    assert switch.table("Tunnel") == {}
    assert not target.drifted()


def test_a_service_node_that_is_spelt_out_is_as_good_as_none(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, {("switch", RED): 10001}, 1)
    switch.vtep_ctl("set", "Logical_Switch", RED, "replication_mode=service_node")
    target.load()
    assert read_rows(*switch.tcp) == {("switch", RED): 10001}


def test_the_tunnel_that_the_switch_made_is_used_and_given_back(switch: VtepSwitch, target: VtepTarget) -> None:
    uuid = add_tunnel(switch, HOST, {})
    reconcile(target, DESIRED, 1)
    assert tunnels(switch)[HOST] == {"enable": "true", "midonet": "params"}
    assert read_rows(*switch.tcp) == DESIRED
    reconcile(target, {}, 2)
    assert list(switch.table("Tunnel")) == [uuid]
    assert tunnels(switch) == {HOST: {}}


def test_foreign_tunnels_are_not_changed(switch: VtepSwitch, target: VtepTarget) -> None:
    add_tunnel(switch, HOST, {"enable": "true", "min_rx": "300"})
    add_tunnel(switch, "172.31.0.9", {})
    add_tunnel(switch, "172.31.0.2", {}, local="172.31.9.7")
    before = switch.table("Tunnel")
    reconcile(target, DESIRED, 1)
    assert {uuid: row for uuid, row in switch.table("Tunnel").items() if uuid in before} == before
    assert list(target.waiting()) == [WATCHED]
    assert "another client" in target.waiting()[WATCHED]
    assert not target.drifted()
    theirs = next(uuid for uuid, row in before.items() if dict(row["bfd_params"][1]).get("min_rx"))
    switch.vtep_ctl("clear", "Tunnel", theirs, "bfd_params")
    keep(target, DESIRED, 2)
    assert target.waiting() == {}
    assert tunnels(switch)[HOST] == {"enable": "true", "midonet": "params"}


def test_another_own_address_moves_the_tunnels(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    moved: dict[Key, Value] = {**DESIRED, WATCHED: "172.31.9.8"}
    reconcile(target, moved, 2)
    assert read_rows(*switch.tcp) == moved
    assert len(switch.table("Tunnel")) == 2


def disable(switch: VtepSwitch, uuid: str) -> None:
    switch.vtep_ctl("set", "Tunnel", uuid, "bfd_params:enable=false")


def forget(switch: VtepSwitch, uuid: str) -> None:
    switch.vtep_ctl("clear", "Tunnel", uuid, "bfd_params")


def remove(switch: VtepSwitch, uuid: str) -> None:
    switch.vtep_ctl("remove", "Physical_Switch", "tor", "tunnels", uuid)


def unset_mode(switch: VtepSwitch, _: str) -> None:
    switch.vtep_ctl("clear", "Logical_Switch", RED, "replication_mode")


@pytest.mark.parametrize("edit", [disable, forget, remove, unset_mode])
def test_drift_is_detected_and_repaired(
    switch: VtepSwitch, target: VtepTarget, edit: Callable[[VtepSwitch, str], None]
) -> None:
    theirs = add_tunnel(switch, "172.31.0.9", {"min_rx": "300"})
    before = switch.table("Tunnel")[theirs]
    reconcile(target, DESIRED, 1)
    host = next(uuid for uuid, row in switch.table("Physical_Locator").items() if row["dst_ip"] == HOST)
    edit(switch, next(uuid for uuid, row in switch.table("Tunnel").items() if row["remote"][1] == host))
    key: Key = ("replication", RED) if edit is unset_mode else WATCHED
    eventually(lambda: key in target.drift())
    keep(target, DESIRED, 1)
    assert read_rows(*switch.tcp) == DESIRED
    assert switch.table("Tunnel")[theirs] == before
    assert not target.drifted()


def test_bfd_and_switch_faults_are_read(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    report = target.report()
    assert report is not None
    assert (report.name, report.tunnel_ips, report.local_macs) == ("tor", [LOCAL], 0)
    assert [(port.name, port.faults) for port in report.ports] == [("swp1", None), ("swp2", None), ("swp3", None)]
    assert report.faults is None, "an ephemeral column that is empty says nothing"
    assert {(one.local, one.remote, one.enabled, one.state) for one in report.bfd} == {
        (LOCAL, HOST, True, None),
        (LOCAL, "172.31.0.2", True, None),
    }
    switch.vtep_ctl("set", "Physical_Switch", "tor", "switch_fault_status=mac_table_exhaustion")
    switch.vtep_ctl("set", "Physical_Port", "swp2", "port_fault_status=invalid_vlan_map")
    switch.vtep_ctl("add-ucast-local", RED, "00:11:22:AA:BB:CC", LOCAL)
    for tunnel in switch.table("Tunnel"):
        switch.vtep_ctl("set", "Tunnel", tunnel, "bfd_status:state=up")
    target.load()
    report = target.report()
    assert report is not None
    assert report.faults == ["mac_table_exhaustion"]
    assert [port.faults for port in report.ports] == [None, ["invalid_vlan_map"], None]
    assert {one.state for one in report.bfd} == {"up"}
    assert report.local_macs == 1
    switch.vtep_ctl("clear", "Physical_Port", "swp2", "port_fault_status")
    target.load()
    report = target.report()
    assert report is not None
    assert [port.faults for port in report.ports] == [None, [], None], "now we know that it is well"
    assert not target.drifted(), "what the switch says is no drift"
