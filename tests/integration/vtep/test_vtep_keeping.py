"""From a command on the log to rows on switches, kept by a runner through restarts, drift and late hardware."""

import time

from vtep_site import Site
from vtep_switch import VtepSwitch, mac
from waiting import eventually

from midonet.events.commands.command import AddItem, Create
from midonet.projections.engine.runner import Runner
from midonet.projections.vtep import Key, Value, read_checkpoint, read_rows


def test_commands_become_rows(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.keep()
    site.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    site.create("arp-entry", bridge="net", mac=mac(1), ip="10.0.0.1")
    site.settle(switch)
    (net,) = site.store.topology.named("bridge", "net")
    assert switch.bindings() == f"0000 mn-{net.id}"
    assert switch.macs(f"mn-{net.id}") == [
        "ucast-mac-remote",
        f"{mac(1)} -> vxlan_over_ipv4/172.31.0.1",
        "mcast-mac-remote",
        "unknown-dst -> vxlan_over_ipv4/172.31.0.1",
    ]


def test_restart_continues_at_the_checkpoint(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.keep()
    site.settle(switch)
    site.stop()
    before = switch.table("Logical_Switch")
    site.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    site.keep()
    site.settle(switch)
    assert switch.table("Logical_Switch") == before, "what was right is not written again"


def test_removed_row_is_restored_within_a_second(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    site.keep()
    site.settle(switch)
    (net,) = site.store.topology.named("bridge", "net")
    switch.vtep_ctl("clear-remote-macs", f"mn-{net.id}")
    eventually(lambda: read_rows(*switch.tcp) == site.rows(switch), 1)


def test_a_port_that_comes_late_is_bound_when_it_comes(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.create("vtep-binding", vtep="tor", physical_port="swp9", vlan=9, bridge="net")
    site.keep()
    eventually(lambda: read_checkpoint(*switch.tcp).position == site.store.topology.head.position)
    (runner,) = site.runners.values()
    switch.vtep_ctl("add-port", "tor", "swp9")
    eventually(lambda: switch.bindings("swp9"), 2)
    site.settle(switch)
    assert runner.drift.since(0) == [], "no other client changed anything"


def test_unreachable_switch_catches_up_without_delaying_others(site: Site, switch: VtepSwitch) -> None:
    with VtepSwitch(host="127.0.0.2") as second:
        site.add_vtep("tor1", switch)
        site.add_vtep("tor2", second)
        second.kill()
        site.keep()
        site.settle(switch)
        second.start()
        site.settle(second)
        second.freeze()
        site.create("mac-entry", bridge="net", mac=mac(1), port="p1")
        site.settle(switch)
        second.thaw()
        site.settle(second)
        second.reset()  # its ports come after its database: until then a binding waits, wherever the checkpoint is
        eventually(lambda: read_rows(*second.tcp) == site.rows(second))
        site.settle(second)


def test_one_command_with_many_macs(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.keep()
    site.run(*(Create("mac-entry", {"bridge": "net", "mac": mac(n), "port": "p1"}) for n in range(1, 3000)))
    site.settle(switch)
    site.run(AddItem("tunnel-zone", "tors", "members", {"host": site.host("hv2"), "address": "172.31.0.2"}))
    site.settle(switch)


def test_one_of_two_daemons_repairs_drift(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    keepers: list[Runner[Key, Value]] = []
    for _ in range(2):
        site.keep()
        site.settle(switch)
        keepers += site.runners.values()
    eventually(lambda: [keeper.status().state for keeper in keepers] == ["live", "live"])
    (net,) = site.store.topology.named("bridge", "net")
    for times in (1, 2, 3):
        switch.vtep_ctl("del-ucast-remote", f"mn-{net.id}", mac(1))
        eventually(lambda: read_rows(*switch.tcp) == site.rows(switch))
        eventually(lambda times=times: sum(len(keeper.drift) for keeper in keepers) == times)  # type: ignore[misc]
        eventually(lambda: [keeper.error for keeper in keepers] == [None, None])
    assert [keeper.status().state for keeper in keepers] == ["live", "live"]


def test_waiting_binding_is_neither_drift_nor_takeover(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    keepers: list[Runner[Key, Value]] = []
    for _ in range(2):
        site.keep(grace=1.0)  # a machine that is busy for a moment is no reason to take over
        site.settle(switch)
        keepers += site.runners.values()
    for vlan in (1, 2):  # by now it is clear who writes
        site.create("vtep-binding", f"b{vlan}", vtep="tor", physical_port="swp9", vlan=vlan, bridge="net")
        eventually(lambda: [keeper.status().position for keeper in keepers] == [site.store.topology.head.position] * 2)
    eventually(lambda: sorted(keeper.status().role for keeper in keepers) == ["standby", "writing"])
    roles = [keeper.status().role for keeper in keepers]
    for unbound in ("b1", "b2"):
        switch.vtep_ctl("set", "Logical_Switch", site.switch_of("net"), "tunnel_key=7")  # the other one has a look
        eventually(lambda: read_rows(*switch.tcp).get(("switch", site.switch_of("net"))) == 10001)
        time.sleep(1.6)
        assert [keeper.status().role for keeper in keepers] == roles
        site.delete("vtep-binding", unbound)
    site.create("vtep-binding", "b3", vtep="tor", physical_port="swp9", vlan=3, bridge="net")
    switch.vtep_ctl("add-port", "tor", "swp9")
    eventually(lambda: read_rows(*switch.tcp) == site.rows(switch))
    site.settle(switch)
    found = [repair.key for keeper in keepers for repair in keeper.drift.since(0)]
    assert found == [f"switch/{site.switch_of('net')}"] * 2
