"""What OVN's own tests demand of `ovn-controller-vtep`, demanded of us.

| case of `tests/ovn-controller-vtep.at` | its twin |
|---|---|
| chassis: a switch is known with its tunnel address, which may change | `test_switch_is_identified_by_its_addresses` |
| chassis: logical switches follow bindings | `test_a_logical_switch_lives_as_long_as_its_last_binding` |
| chassis: a row that was deleted is added back | `test_vtep_drift_kinds.py`, all of it |
| binding 1: two logical switches on one port | `test_a_vlan_of_a_port_belongs_to_one_bridge` |
| binding 1: physical ports vanish | `test_bindings_wait_for_ports_and_are_back_with_them` |
| binding 2: another physical switch uses a logical switch | `test_other_physical_switch_is_not_changed` |
| vtep-lswitch: tunnel key, second switch, no binding any more | `test_the_tunnel_key_is_there_while_a_binding_is` |
| vtep-macs 1: stations come, get addresses, move and go | `test_stations_come_move_and_go` |
| vtep-macs 1: a station on a bridge that the switch has no part of | `test_station_of_another_bridge_is_not_reported` |
| vtep-macs 2: one MAC twice on a bridge | `test_a_mac_is_once_on_a_bridge_and_may_be_on_two` |
| vtep-Mcast_Macs_Remote: one row, as many locators as hosts | `test_one_row_for_the_unknown_follows_the_hosts` |
| hv flows: the binding before or after the port | `test_vtep_keeping.py`, a port that comes late |
| version pinning: a writer of another release keeps its hands off | `test_switch_of_another_log_is_not_changed` |
| stations behind the switch, known to the others (26.03) | `integration/cluster/test_vteps.py` |

What was seen of it in operation, which its tests do not ask for:

| what it does | what we do |
|---|---|
| a graceful stop, as of an upgrade, empties the switch | `test_no_end_of_a_daemon_and_no_upgrade_touches_a_row` |
| a second port for a pair of switches is ignored | `test_a_logical_switch_lives_as_long_as_its_last_binding` |
| of one MAC twice one is ignored, with a line in a file | `test_a_mac_is_once_on_a_bridge_and_may_be_on_two` |
| port 2,048 of a bridge silently never appears | `test_vtep_keeping.py`, many MACs |
| two controllers on one database fight | `test_two_daemons_do_not_fight_over_stations` and two keepers |
| faults of the switch are invisible | `test_the_state_of_a_switch_is_published_and_shown` |
"""

import time

import pytest
from vtep_site import Site
from vtep_switch import VtepSwitch, mac
from waiting import eventually

from midonet.events.commands.command import AddItem, RemoveItem
from midonet.events.errors import Conflict
from midonet.projections.vtep import VtepTarget, read_rows


@pytest.fixture
def kept(site: Site, switch: VtepSwitch) -> Site:
    """The VTEP `tor` is this switch, bridge `net` is bound to its port swp1, and a runner keeps it so."""
    site.add_vtep("tor", switch)
    site.keep()
    site.settle(switch)
    return site


def locators(switch: VtepSwitch) -> set[str]:
    return {row["dst_ip"] for row in switch.table("Physical_Locator").values()}


def macs(switch: VtepSwitch) -> list[str]:
    return sorted(row["MAC"] for row in switch.table("Ucast_Macs_Remote").values())


def test_switch_is_identified_by_its_addresses(kept: Site, switch: VtepSwitch, target: VtepTarget) -> None:
    del kept
    target.load()
    report = target.report()
    assert report is not None
    assert (report.name, report.tunnel_ips) == ("tor", ["172.31.9.1"])
    switch.vtep_ctl("set", "Physical_Switch", "tor", "tunnel_ips=172.31.9.5")
    eventually(lambda: (told := target.report()) is not None and told.tunnel_ips == ["172.31.9.5"])


def test_a_logical_switch_lives_as_long_as_its_last_binding(kept: Site, switch: VtepSwitch) -> None:
    kept.create("bridge", "other")
    for name, port, vlan, bridge in (("a", "swp1", 100, "net"), ("b", "swp2", 200, "net"), ("c", "swp2", 300, "other")):
        kept.create("vtep-binding", name, vtep="tor", physical_port=port, vlan=vlan, bridge=bridge)
    kept.settle(switch)
    net, other = kept.switch_of("net"), kept.switch_of("other")
    assert switch.bindings("swp1") == f"0000 {net}\n0100 {net}"
    assert switch.bindings("swp2") == f"0200 {net}\n0300 {other}"
    for name, left in (("a", {net, other}), ("c", {net}), ("b", {net})):
        kept.delete("vtep-binding", name)
        kept.settle(switch)
        assert set(switch.vtep_ctl("list-ls").split()) == left
    (last,) = kept.store.topology.all("vtep-binding")
    kept.delete("vtep-binding", last)
    kept.settle(switch)
    assert switch.vtep_ctl("list-ls") == switch.bindings("swp1") == switch.bindings("swp2") == ""


def test_a_vlan_of_a_port_belongs_to_one_bridge(kept: Site, switch: VtepSwitch) -> None:
    kept.create("bridge", "other")
    kept.create("vtep-binding", vtep="tor", physical_port="swp1", vlan=200, bridge="other")
    with pytest.raises(Conflict) as caught:
        kept.create("vtep-binding", vtep="tor", physical_port="swp1", vlan=200, bridge="net")
    assert caught.value.details["reason"] == "vtep-port-vlan-bound"
    kept.settle(switch)
    assert switch.bindings() == f"0000 {kept.switch_of('net')}\n0200 {kept.switch_of('other')}"


def test_bindings_wait_for_ports_and_are_back_with_them(kept: Site, switch: VtepSwitch) -> None:
    name = kept.switch_of("net")
    switch.vtep_ctl("del-port", "tor", "swp1")
    kept.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    eventually(lambda: macs(switch) == [mac(1)])
    assert switch.vtep_ctl("list-ls").split() == [name]
    switch.vtep_ctl("add-port", "tor", "swp1")
    eventually(lambda: switch.bindings() == f"0000 {name}")


def test_other_physical_switch_is_not_changed(kept: Site, switch: VtepSwitch) -> None:
    name = kept.switch_of("net")
    switch.vtep_ctl("add-ps", "void", "--", "add-port", "void", "p0", "--", "bind-ls", "void", "p0", "100", name)
    kept.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    eventually(lambda: macs(switch) == [mac(1)])
    assert switch.vtep_ctl("list-bindings", "void", "p0").split() == ["0100", name]
    switch.vtep_ctl("del-ps", "void")
    kept.settle(switch)
    assert switch.bindings() == f"0000 {name}"


def test_the_tunnel_key_is_there_while_a_binding_is(kept: Site, switch: VtepSwitch) -> None:
    switch.vtep_ctl("add-ls", "theirs", "--", "set", "Logical_Switch", "theirs", "tunnel_key=7")
    keys = {row["name"]: row["tunnel_key"] for row in switch.table("Logical_Switch").values()}
    assert keys == {kept.switch_of("net"): 10001, "theirs": 7}
    (binding,) = kept.store.topology.all("vtep-binding")
    kept.delete("vtep-binding", binding)
    kept.settle(switch)
    keys = {row["name"]: row["tunnel_key"] for row in switch.table("Logical_Switch").values()}
    assert keys == {"theirs": 7}, "the peer would have reset that key to 0"


def test_stations_come_move_and_go(kept: Site, switch: VtepSwitch) -> None:
    kept.create("mac-entry", "one", bridge="net", mac=mac(1), port="p1")
    kept.create("mac-entry", "two", bridge="net", mac=mac(2).upper(), port="p1")
    kept.settle(switch)
    assert macs(switch) == [mac(1), mac(2)]
    assert locators(switch) == {"172.31.0.1"}
    kept.create("arp-entry", "ip", bridge="net", mac=mac(1), ip="192.168.0.1")
    kept.settle(switch)
    assert {row["MAC"]: row["ipaddr"] for row in switch.table("Ucast_Macs_Remote").values()} == {
        mac(1): "192.168.0.1",
        mac(2): "",
    }
    kept.host("hv2")
    kept.run(AddItem("tunnel-zone", "tors", "members", {"host": "hv2", "address": "172.31.0.2"}))
    kept.create("port", "p2", bridge="net", host="hv2", interface="tap2")
    kept.set("mac-entry", "two", port="p2")
    kept.settle(switch)
    assert locators(switch) == {"172.31.0.1", "172.31.0.2"}
    kept.delete("mac-entry", "one")
    kept.settle(switch)
    assert macs(switch) == [mac(2)]
    kept.delete("port", "p2")
    kept.settle(switch)
    assert macs(switch) == []


def test_station_of_another_bridge_is_not_reported(kept: Site, switch: VtepSwitch) -> None:
    kept.create("bridge", "void")
    kept.create("port", "p9", bridge="void", host="hv1", interface="tap9")
    kept.create("mac-entry", "there", bridge="void", mac=mac(1), port="p9")
    kept.create("mac-entry", "here", bridge="net", mac=mac(1), port="p1")
    kept.settle(switch)
    assert len(macs(switch)) == 1
    kept.delete("mac-entry", "here")  # it moves to a bridge that the switch has no part of
    kept.settle(switch)
    assert macs(switch) == []


def test_a_mac_is_once_on_a_bridge_and_may_be_on_two(kept: Site, switch: VtepSwitch) -> None:
    kept.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    with pytest.raises(Conflict) as caught:
        kept.create("mac-entry", bridge="net", mac=mac(1).upper(), port="p1")
    assert caught.value.details["reason"] == "mac-exists"
    kept.create("bridge", "other")
    kept.create("port", "p9", bridge="other", host="hv1", interface="tap9")
    kept.create("mac-entry", bridge="other", mac=mac(1), port="p9")
    kept.create("vtep-binding", vtep="tor", physical_port="swp2", bridge="other")
    kept.settle(switch)
    assert macs(switch) == [mac(1), mac(1)]


def test_one_row_for_the_unknown_follows_the_hosts(kept: Site, switch: VtepSwitch) -> None:
    def flood() -> list[str]:
        return [line.rpartition("/")[2] for line in switch.macs(kept.switch_of("net")) if line.startswith("unknown")]

    assert flood() == ["172.31.0.1"]
    kept.set("vtep", "tor", replication="source-node")
    kept.host("hv2")
    kept.run(AddItem("tunnel-zone", "tors", "members", {"host": "hv2", "address": "172.31.0.2"}))
    kept.settle(switch)
    assert sorted(flood()) == ["172.31.0.1", "172.31.0.2"]
    assert len(switch.table("Mcast_Macs_Remote")) == len(switch.table("Physical_Locator_Set")) == 1
    kept.run(RemoveItem("tunnel-zone", "tors", "members", {"host": "hv1"}))
    kept.settle(switch)
    assert flood() == ["172.31.0.2"]


def test_switch_of_another_log_is_not_changed(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    switch.vtep_ctl("add-ls", "mn-other", "--", "set", "Logical_Switch", "mn-other", "tunnel_key=10001")
    switch.vtep_ctl("set", "Global", ".", "other_config:midonet-position=2", f"other_config:midonet-hash={'f' * 64}")
    before = switch.table("Logical_Switch")
    site.keep()
    time.sleep(1)
    assert switch.table("Logical_Switch") == before
    assert read_rows(*switch.tcp) == {("switch", "mn-other"): 10001}
