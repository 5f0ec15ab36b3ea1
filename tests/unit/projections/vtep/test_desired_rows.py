"""What a VTEP's database should hold: the rules one by one, each change on top of the others."""

from itertools import count
from typing import Any

import pytest
from world import World

from midonet.events.commands.command import AddItem, Command, Op, RemoveItem
from midonet.events.commands.decide import Decision, decide
from midonet.events.topology.evolve import Change, evolve
from midonet.projections.vtep import DEAD_HOSTS, Key, LearnedMacs, Value, VtepProjection

VTEP = "0a000000-0000-0000-0000-000000000001"
LOW, HIGH = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


class Scene(World):
    """A topology and the rows of one VTEP, which only ever follow the changes; they must equal a fresh start."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)
        self.projection = VtepProjection(VTEP)
        self.projection.attach(self.topology)
        self.rows: dict[Key, Value] = {}
        self.touched: set[Key] = set()

    def run(self, *ops: Op) -> Decision:
        """Decide one command, let its events happen and the rows follow."""
        decision = decide(self.topology, Command("test", list(ops)), f"command-{next(self._numbers)}")
        self.touched = set(self.projection.apply([evolve(self.topology, event, 1) for event in decision.events]))
        for key in self.touched:
            value = self.projection.render(key)
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value
        fresh = VtepProjection(VTEP)
        fresh.attach(self.topology)
        assert self.rows == {key: fresh.render(key) for key in iter(fresh.keys())}
        return decision

    def of(self, kind: str) -> dict[tuple[Any, ...], Value]:
        """Return the rows of one kind, by the rest of their keys."""
        return {key[1:]: value for key, value in self.rows.items() if key[0] == kind}


@pytest.fixture
def scene() -> Scene:
    """One VTEP in a zone with two hosts; bridge `net` is bound to it and has a port on each host."""
    scene = Scene()
    for host, name in ((LOW, "low"), (HIGH, "high")):
        scene.create("host", name, id=host)
    scene.create("tunnel-zone", "tors", type="vtep", members=[{"host": LOW, "address": "172.31.0.1"}])
    scene.create("tunnel-zone", "underlay", members=[{"host": HIGH, "address": "172.31.0.2"}])
    scene.create("vtep", "tor", id=VTEP, management_ip="192.0.2.1", tunnel_zone="tors", tunnel_ips=["172.31.9.1"])
    scene.create("bridge", "net")
    scene.create("port", "p1", bridge="net", host="low", interface="tap1")
    scene.create("port", "p2", bridge="net", host="high", interface="tap2")
    scene.create("vtep-binding", vtep="tor", physical_port="swp1", vlan=0, bridge="net")
    return scene


def switch(scene: Scene, bridge: str = "net") -> str:
    """Return the name of a bridge's logical switch."""
    return f"mn-{scene.get('bridge', bridge).id}"


def add_mac(scene: Scene, mac: str, port: str = "p1", vlan: int = 0) -> str:
    return scene.create("mac-entry", bridge="net", mac=mac, port=port, vlan=vlan)


def join(scene: Scene, host: str, address: str) -> None:
    scene.run(AddItem("tunnel-zone", "tors", "members", {"host": host, "address": address}))


def test_a_bound_bridge_is_a_switch_with_its_vni(scene: Scene) -> None:
    assert scene.of("switch") == {(switch(scene),): 10001}
    assert scene.of("binding") == {("swp1", 0): switch(scene)}


def test_a_bridge_is_a_switch_until_its_last_binding_goes(scene: Scene) -> None:
    second = scene.create("vtep-binding", vtep="tor", physical_port="swp2", vlan=7, bridge="net")
    add_mac(scene, "02:00:00:00:00:01")
    scene.delete("vtep-binding", second)
    assert scene.of("switch")
    (first,) = scene.topology.all("vtep-binding")
    scene.delete("vtep-binding", first)
    assert scene.rows == {}


def test_a_bridge_that_is_bound_later_brings_the_macs_that_it_has(scene: Scene) -> None:
    scene.create("bridge", "late")
    scene.create("port", "p3", bridge="late", host="low", interface="tap3")
    scene.create("mac-entry", bridge="late", mac="02:00:00:00:00:03", port="p3")
    assert scene.of("ucast") == {}
    scene.create("vtep-binding", vtep="tor", physical_port="swp1", vlan=3, bridge="late")
    assert scene.of("ucast") == {(switch(scene, "late"), "02:00:00:00:00:03"): ("172.31.0.1", "")}


def test_a_bridge_bound_to_another_vtep_is_none_of_our_business(scene: Scene) -> None:
    before = dict(scene.rows)
    scene.create("bridge", "elsewhere")
    scene.create("vtep", "tor2", management_ip="192.0.2.2", tunnel_zone="tors")
    scene.create("vtep-binding", vtep="tor2", physical_port="swp1", bridge="elsewhere")
    assert scene.rows == before
    assert scene.touched == set()


def test_a_mac_points_to_the_host_of_its_port(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01")
    assert scene.of("ucast") == {(switch(scene), "02:00:00:00:00:01"): ("172.31.0.1", "")}


def test_a_mac_on_a_host_outside_of_the_zone_is_left_to_the_flooding_proxy(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:02", "p2")
    assert scene.of("ucast") == {}
    join(scene, HIGH, "172.31.0.2")
    assert scene.of("ucast") == {(switch(scene), "02:00:00:00:00:02"): ("172.31.0.2", "")}
    scene.run(RemoveItem("tunnel-zone", "tors", "members", {"host": HIGH}))
    assert scene.of("ucast") == {}


def test_a_mac_follows_its_port_to_another_host(scene: Scene) -> None:
    join(scene, HIGH, "172.31.0.2")
    add_mac(scene, "02:00:00:00:00:01")
    scene.set("port", "p1", host="high", interface="tap9")
    assert scene.of("ucast") == {(switch(scene), "02:00:00:00:00:01"): ("172.31.0.2", "")}
    scene.set("port", "p1", host=None, interface=None)
    assert scene.of("ucast") == {}


def test_a_mac_follows_its_entry_to_another_port(scene: Scene) -> None:
    join(scene, HIGH, "172.31.0.2")
    entry = add_mac(scene, "02:00:00:00:00:01")
    scene.set("mac-entry", entry, port="p2")
    assert scene.of("ucast") == {(switch(scene), "02:00:00:00:00:01"): ("172.31.0.2", "")}
    scene.delete("port", "p2")
    assert scene.of("ucast") == {}


def test_only_untagged_macs_are_reported(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01", vlan=7)
    assert scene.of("ucast") == {}


def test_no_address_of_the_vtep_itself_and_no_ipv6_is_a_locator(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:02", "p2")
    join(scene, HIGH, "2001:db8::2")
    assert scene.of("ucast") == {}


def test_a_mac_carries_the_lowest_ip_address_that_is_known(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01")
    key = (switch(scene), "02:00:00:00:00:01")
    for ip in ("10.0.0.10", "10.0.0.9", "2001:db8::1"):
        scene.create("arp-entry", bridge="net", ip=ip, mac="02:00:00:00:00:01")
    assert scene.of("ucast")[key] == ("172.31.0.1", "10.0.0.9")
    lowest = next(entry for entry in scene.topology.all("arp-entry").values() if entry.ip == "10.0.0.9")
    scene.set("arp-entry", lowest.id, mac="02:00:00:00:00:02")
    assert scene.of("ucast")[key] == ("172.31.0.1", "10.0.0.10")


def test_the_flooding_proxy_is_the_host_of_greatest_weight(scene: Scene) -> None:
    key = (switch(scene), "unknown-dst")
    join(scene, HIGH, "172.31.0.2")
    assert scene.of("mcast") == {key: ("172.31.0.1",)}
    scene.set("host", "high", flooding_proxy_weight=2)
    assert scene.of("mcast") == {key: ("172.31.0.2",)}
    scene.set("host", "high", flooding_proxy_weight=0)
    assert scene.of("mcast") == {key: ("172.31.0.1",)}
    scene.set("host", "low", flooding_proxy_weight=0)
    assert scene.of("mcast") == {}


def test_another_tunnel_zone_changes_every_locator(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01")
    scene.create("tunnel-zone", "other", type="vtep", members=[{"host": LOW, "address": "172.32.0.1"}])
    scene.set("vtep", "tor", tunnel_zone="other")
    assert scene.of("ucast") == {(switch(scene), "02:00:00:00:00:01"): ("172.32.0.1", "")}
    assert scene.of("mcast") == {(switch(scene), "unknown-dst"): ("172.32.0.1",)}
    scene.set("vtep", "tor", tunnel_zone=None)
    assert scene.of("ucast") == scene.of("mcast") == {}
    assert scene.of("switch")


def test_deleted_vtep_leaves_no_rows(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01")
    scene.delete("vtep", "tor", cascade=True)
    assert scene.rows == {}


def test_a_deleted_host_is_neither_locator_nor_proxy(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01")
    scene.delete("host", "low", cascade=True)
    assert scene.of("ucast") == scene.of("mcast") == {}


# -- more than one VTEP, and who copies broadcast

OTHER = "0a000000-0000-0000-0000-000000000002"


def add_other(scene: Scene, **fields: Any) -> str:
    """Add a second VTEP with the bridge bound to it; return the id of its VXLAN port."""
    fields = {"tunnel_zone": "tors", "tunnel_ips": ["172.31.9.2", "172.31.9.3"], **fields}
    scene.create("vtep", "tor2", id=OTHER, management_ip="192.0.2.2", **fields)
    scene.create("vtep-binding", vtep="tor2", physical_port="swp1", vlan=0, bridge="net")
    return vxlan_port(scene, OTHER)


def vxlan_port(scene: Scene, vtep: str) -> str:
    """Return the id of the bridge's port that stands for a VTEP."""
    (port,) = (port.id for port in scene.topology.all("port").values() if port.vtep == vtep)
    return str(port)


def test_a_static_mac_behind_another_vtep_points_to_its_first_tunnel_address(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01", add_other(scene))
    assert scene.of("ucast") == {(switch(scene), "02:00:00:00:00:01"): ("172.31.9.2", "")}
    scene.set("vtep", "tor2", tunnel_ips=["2001:db8::9", "172.31.9.3"])
    assert scene.of("ucast") == {(switch(scene), "02:00:00:00:00:01"): ("172.31.9.3", "")}
    scene.set("vtep", "tor2", tunnel_ips=[])
    assert scene.of("ucast") == {}


def test_a_static_mac_behind_the_vtep_itself_is_its_own_business(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01", vxlan_port(scene, VTEP))
    assert scene.of("ucast") == {}


def test_two_tunnel_zones_are_two_sets_of_addresses_and_two_proxies(scene: Scene) -> None:
    add_mac(scene, "02:00:00:00:00:01")
    members = [{"host": LOW, "address": "172.32.0.1"}, {"host": HIGH, "address": "172.32.0.2"}]
    scene.create("tunnel-zone", "others", type="vtep", members=members)
    add_other(scene, tunnel_zone="others")
    scene.set("host", "high", flooding_proxy_weight=9)
    other = VtepProjection(OTHER)
    other.attach(scene.topology)
    assert other.render(("ucast", switch(scene), "02:00:00:00:00:01")) == ("172.32.0.1", "")
    assert other.render(("mcast", switch(scene), "unknown-dst")) == ("172.32.0.2",)
    assert scene.of("mcast") == {(switch(scene), "unknown-dst"): ("172.31.0.1",)}


def test_the_flooding_proxy_stays_when_another_host_of_its_weight_joins(scene: Scene) -> None:
    scene.run(RemoveItem("tunnel-zone", "tors", "members", {"host": LOW}))
    join(scene, HIGH, "172.31.0.2")
    join(scene, LOW, "172.31.0.1")
    assert scene.of("mcast") == {(switch(scene), "unknown-dst"): ("172.31.0.2",)}


def test_a_switch_that_copies_itself_floods_to_hosts_and_to_the_other_vteps(scene: Scene) -> None:
    key = (switch(scene), "unknown-dst")
    scene.set("vtep", "tor", replication="source-node")
    assert scene.of("replication") == {(switch(scene),): "source_node"}
    assert scene.of("mcast") == {key: ("172.31.0.1",)}
    join(scene, HIGH, "172.31.0.2")
    add_other(scene)
    assert scene.of("mcast") == {key: ("172.31.0.1", "172.31.0.2", "172.31.9.2")}
    scene.set("host", "low", flooding_proxy_weight=0)
    scene.set("host", "high", flooding_proxy_weight=0)
    assert scene.of("mcast")[key] == ("172.31.0.1", "172.31.0.2", "172.31.9.2"), "both have a port on the bridge"
    scene.set("port", "p2", host=None, interface=None)
    assert scene.of("mcast") == {key: ("172.31.0.1", "172.31.9.2")}
    scene.delete("port", "p1")
    assert scene.of("mcast") == {key: ("172.31.9.2",)}
    scene.delete("vtep", "tor2", cascade=True)
    assert scene.of("mcast") == {}
    scene.set("vtep", "tor", replication="service-node")
    assert scene.of("replication") == {}


def test_bfd_watches_the_hosts_and_the_vteps_that_share_a_bridge(scene: Scene) -> None:
    assert scene.of("bfd") == {}
    scene.set("vtep", "tor", bfd=True)
    assert scene.of("bfd") == {("172.31.0.1",): "172.31.9.1"}
    add_other(scene)
    assert scene.of("bfd") == {("172.31.0.1",): "172.31.9.1", ("172.31.9.2",): "172.31.9.1"}
    scene.set("vtep", "tor", tunnel_ips=["172.31.9.8", "172.31.9.1"])
    assert scene.of("bfd") == {("172.31.0.1",): "172.31.9.8", ("172.31.9.2",): "172.31.9.8"}
    for binding in [one for one in scene.topology.all("vtep-binding").values() if one.vtep == VTEP]:
        scene.delete("vtep-binding", binding.id)
    assert scene.of("bfd") == {}


def test_dead_host_is_proxy_only_if_all_are(scene: Scene) -> None:
    key = (switch(scene), "unknown-dst")
    join(scene, HIGH, "172.31.0.2")
    scene.set("host", "low", flooding_proxy_weight=9)
    learned = LearnedMacs()
    projection = VtepProjection(VTEP, learned)
    projection.attach(scene.topology)
    for dead, proxy in (({LOW}, "172.31.0.2"), ({LOW, HIGH}, "172.31.0.1"), ({HIGH}, "172.31.0.1"), ({}, "172.31.0.1")):
        learned.dead = frozenset(dead)
        touched = projection.apply([Change(DEAD_HOSTS, VTEP, None, None)])
        assert projection.render(("mcast", *key)) == (proxy,)
        assert touched <= {("mcast", *key)}
