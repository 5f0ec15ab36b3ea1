"""Hardware VTEPs in a running cluster: learned MACs, states, dead hosts, and rows after a stop."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest
from clustered import Scene
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from prometheus_client.parser import text_string_to_metric_families
from vtep_switch import VtepSwitch, mac
from waiting import eventually

from midonet.projections.vtep import read_rows
from midonet.testbed import OvsdbServer
from midonet.testbed.cluster import ClusterDaemon

Make = Callable[..., Scene]
TABLES = ("Logical_Switch", "Ucast_Macs_Remote", "Mcast_Macs_Remote", "Physical_Port", "Physical_Locator", "Tunnel")


class Rack(Scene):
    """A bridge `net` on host hv1, and as many switches bound to it as wanted."""

    def furnish(self) -> None:
        """Create what all switches share."""
        self.host = self.create("host", name="hv1")
        members = [{"host": self.host, "address": "172.31.0.1"}]
        self.zone = self.create("tunnel-zone", name="tors", type="vtep", members=members)
        self.net = self.create("bridge", name="net")
        self.port = self.create("port", bridge=self.net, host=self.host, interface="tap1")
        self.name = f"mn-{self.net}"

    def place(self, switch: VtepSwitch, tunnel_ip: str, **fields: Any) -> str:
        """Create a VTEP that is this switch, with the bridge on its first port; return its id."""
        if switch.running:
            switch.vtep_ctl("set", "Physical_Switch", "tor", f"tunnel_ips={tunnel_ip}")
        address = {"management_ip": switch.host, "management_port": switch.port}
        fields = {"tunnel_ips": [tunnel_ip], "tunnel_zone": self.zone, **address, **fields}
        vtep = self.create("vtep", **fields)
        self.bind(vtep, 0, self.net)
        return vtep

    def macs(self, switch: VtepSwitch) -> dict[str, tuple[str, str]]:
        """Return the remote stations that a switch holds."""
        rows = read_rows(*switch.tcp)
        return {key[2]: value for key, value in rows.items() if key[0] == "ucast"}  # type: ignore[misc]


@pytest.fixture
def rack(scene: Make) -> Iterator[Rack]:
    plain = scene()
    with Rack(plain.url, plain.hosts, plain.root) as made:
        made.furnish()
        yield made


def learn(switch: VtepSwitch, name: str, station: str, tunnel_ip: str, ip: str = "") -> None:
    """Let a switch learn a station behind one of its ports."""
    switch.vtep_ctl("add-ucast-local", name, station, tunnel_ip)
    if ip:
        where = [["MAC", "==", station]]
        switch.transact({"op": "update", "table": "Ucast_Macs_Local", "where": where, "row": {"ipaddr": ip}})


def unlearn(switch: VtepSwitch, name: str, station: str) -> None:
    switch.vtep_ctl("del-ucast-local", name, station)


def rows_of(switch: VtepSwitch) -> dict[str, Any]:
    """Return all rows that may be ours, with the versions that change whenever a row is touched."""
    return {table: switch.table(table) for table in TABLES}


@contextmanager
def kazoo(stage: Scene) -> Iterator[KazooClient]:
    client = KazooClient(stage.hosts)
    client.start()
    with closing(client):
        try:
            yield client
        finally:
            client.stop()


def state(stage: Scene, vtep: str) -> Mapping[str, Any]:
    with kazoo(stage) as client:
        try:
            found: dict[str, Any] = json.loads(client.get(f"{stage.root}/state/vteps/{vtep}")[0])
        except NoNodeError:
            return {}
        return found


def details(daemon: ClusterDaemon) -> Mapping[str, Any]:
    """Return what the service says of the switches; nothing yet while it starts."""
    found: Mapping[str, Any] = daemon.status()["details"].get("vtep", {"vteps": [], "retired": {}})
    return found


def figures(daemon: ClusterDaemon) -> dict[tuple[str, str], float]:
    """Return what Prometheus would see of the switches: name and VTEP → value."""
    families = text_string_to_metric_families(daemon.get("/metrics")[1])
    samples = [sample for family in families for sample in family.samples if sample.name.startswith("midonet_vtep_")]
    return {(s.name.removeprefix("midonet_vtep_"), s.labels.get("vtep", "")): s.value for s in samples}


def connected(daemon: ClusterDaemon) -> bool:
    """Whether the service is connected to all switches that it knows, and knows any."""
    return {one["connection"] for one in details(daemon)["vteps"]} == {"connected"}


def test_macs_of_one_switch_are_remote_macs_of_the_other(rack: Rack) -> None:
    first, second = rack.switch(), rack.switch()
    one, two = rack.place(first, "172.31.9.1"), rack.place(second, "172.31.9.2")
    daemon = rack.daemon()
    rack.vtep_settles(one, first)
    rack.vtep_settles(two, second)
    learn(first, rack.name, "00:11:22:AA:BB:CC", "172.31.9.1", "10.0.0.7")
    eventually(lambda: rack.macs(second) == {"00:11:22:aa:bb:cc": ("172.31.9.1", "10.0.0.7")})
    assert rack.macs(first) == {}
    learn(second, rack.name, "00:11:22:aa:bb:cc", "172.31.9.2")  # it moved
    eventually(lambda: rack.macs(second) == {})
    eventually(lambda: rack.macs(first) == {"00:11:22:aa:bb:cc": ("172.31.9.2", "")})
    unlearn(first, rack.name, "00:11:22:AA:BB:CC")
    unlearn(second, rack.name, "00:11:22:aa:bb:cc")
    eventually(lambda: rack.macs(first) == rack.macs(second) == {})
    rack.create("mac-entry", bridge=rack.net, mac=mac(1), port=rack.port)
    learn(first, rack.name, mac(1), "172.31.9.1")
    learn(first, rack.name, mac(2), "172.31.9.1")
    eventually(lambda: mac(2) in rack.macs(second))
    assert rack.macs(second)[mac(1)] == ("172.31.0.1", ""), "the operator's word goes first"
    assert {each["repairs"] for each in daemon.status()["projections"]} == {0}, "news is no drift"


def test_learned_macs_outlive_daemons_and_unreachable_switches(rack: Rack) -> None:
    first, second = rack.switch(), rack.switch()
    rack.place(first, "172.31.9.1")
    rack.place(second, "172.31.9.2")
    daemon = rack.daemon()
    eventually(lambda: "tor" in first.vtep_ctl("list-ps") and rack.name in first.vtep_ctl("list-ls"))
    learn(first, rack.name, mac(5), "172.31.9.1")
    expected = {mac(5): ("172.31.9.1", "")}
    eventually(lambda: rack.macs(second) == expected)
    daemon.kill()
    first.kill()
    daemon.start()
    rack.create("mac-entry", bridge=rack.net, mac=mac(1), port=rack.port)
    eventually(lambda: mac(1) in rack.macs(second))
    assert rack.macs(second).items() >= expected.items()
    first.start()
    unlearn(first, rack.name, mac(5))
    eventually(lambda: rack.macs(second).keys() == {mac(1)})


@pytest.mark.slow
def test_two_daemons_agree_on_macs(rack: Rack) -> None:
    """A station that two switches claim: it is written once for every piece of news, and then there is rest."""
    first, second, third = rack.switch(), rack.switch(), rack.switch()
    rack.place(first, "172.31.9.1")
    rack.place(second, "172.31.9.2")
    rack.place(third, "172.31.9.3")
    daemons = [rack.daemon("--reconcile-interval", "0.5") for _ in range(2)]
    eventually(lambda: all(rack.name in switch.vtep_ctl("list-ls") for switch in (first, second, third)))
    eventually(lambda: all(map(connected, daemons)))
    learn(first, rack.name, mac(5), "172.31.9.1")
    learn(second, rack.name, mac(5), "172.31.9.2")
    eventually(lambda: rack.macs(third) == {mac(5): ("172.31.9.2", "")})
    daemons[0].kill()
    daemons[0].start()
    eventually(lambda: connected(daemons[0]))
    time.sleep(0.5)
    before = third.table("Ucast_Macs_Remote")
    time.sleep(2)
    assert third.table("Ucast_Macs_Remote") == before


@pytest.mark.slow
def test_state_of_a_switch_is_published(rack: Rack) -> None:
    switch, absent = rack.switch(), rack.switch()
    absent.kill()
    vtep, other = rack.place(switch, "172.31.9.1", bfd=True), rack.place(absent, "172.31.9.2")
    daemon = rack.daemon()
    rack.vtep_settles(vtep, switch)
    learn(switch, rack.name, mac(5), "172.31.9.1")
    switch.vtep_ctl("set", "Physical_Switch", "tor", "switch_fault_status=mac_table_exhaustion")
    for tunnel in switch.table("Tunnel"):
        switch.vtep_ctl("set", "Tunnel", tunnel, "bfd_status:state=up")
    eventually(lambda: state(rack, vtep).get("faults") == ["mac_table_exhaustion"])
    eventually(lambda: state(rack, vtep).get("local_macs") == 1)
    eventually(lambda: {one["state"] for one in state(rack, vtep)["bfd"]} == {"up"})
    told = state(rack, vtep)
    assert (told["connection"], told["physical_switch"], told["tunnel_ips"]) == ("connected", "tor", ["172.31.9.1"])
    assert [port["name"] for port in told["ports"]] == ["swp1", "swp2", "swp3"]
    eventually(lambda: state(rack, other).get("connection") == "unreachable")
    assert "refused" in state(rack, other)["last_error"]
    shown = {one["id"]: one for one in details(daemon)["vteps"]}
    assert shown[vtep]["local_macs"] == 1
    expected = {("connected", vtep): 1, ("connected", other): 0, ("faults", vtep): 1, ("tunnels_up", vtep): 2}
    eventually(lambda: figures(daemon).items() >= expected.items())
    assert ("faults", other) not in figures(daemon), "unknown while disconnected"
    with kazoo(rack) as client:
        stat = client.exists(f"{rack.root}/state/vteps/{vtep}")
        assert stat is not None
        assert stat.ephemeralOwner
    standby = rack.daemon()
    known = {vtep: ["mac_table_exhaustion"], other: None}
    eventually(lambda: {one["id"]: one["faults"] for one in details(standby)["vteps"]} == known)
    daemon.kill()
    switch.vtep_ctl("clear", "Physical_Switch", "tor", "switch_fault_status")
    eventually(lambda: state(rack, vtep).get("faults", "absent") == [], 30)


@pytest.mark.slow
def test_dead_host_is_no_flooding_proxy(rack: Rack) -> None:
    switch, second = rack.switch(), rack.create("host", name="hv2", flooding_proxy_weight=9)
    members = [{"host": rack.host, "address": "172.31.0.1"}, {"host": second, "address": "172.31.0.2"}]
    rack.set("tunnel-zone", rack.zone, members=members)
    vtep = rack.place(switch, "172.31.9.1")
    daemon = rack.daemon()
    rack.vtep_settles(vtep, switch)

    def proxy() -> Any:
        return read_rows(*switch.tcp)["mcast", rack.name, "unknown-dst"]

    with kazoo(rack) as agents:
        for host in (rack.host, second):
            agents.create(f"{rack.root}/state/hosts/{host}", b"{}", ephemeral=True, makepath=True)
        time.sleep(1)
        assert proxy() == ("172.31.0.2",)
        agents.delete(f"{rack.root}/state/hosts/{second}")
        eventually(lambda: proxy() == ("172.31.0.1",))
        before = switch.table("Mcast_Macs_Remote")
        daemon.kill()
        daemon.start()
        eventually(lambda: connected(daemon))
        time.sleep(1)
        assert switch.table("Mcast_Macs_Remote") == before, "who is dead is known to the next daemon as well"
        agents.create(f"{rack.root}/state/hosts/{second}", b"{}", ephemeral=True)
        eventually(lambda: proxy() == ("172.31.0.2",))
    assert [each["repairs"] for each in daemon.status()["projections"]] == [0, 0]


def test_server_without_vtep_schema_is_reported_and_retried(rack: Rack) -> None:
    with OvsdbServer("Open_vSwitch") as other:
        vtep = rack.create("vtep", management_ip=other.host, management_port=other.port)
        daemon = rack.daemon()
        eventually(lambda: [one["connection"] for one in details(daemon)["vteps"]] == ["not-a-vtep"])
        (shown,) = details(daemon)["vteps"]
        assert "no database hardware_vtep; it has Open_vSwitch" in shown["last_error"]
    rack.delete("vtep", vtep)
    eventually(lambda: details(daemon)["vteps"] == [])


@pytest.mark.slow
def test_vtep_deleted_while_unreachable_is_cleared_later(rack: Rack) -> None:
    switch, foreign = rack.switch(), rack.switch()
    vtep, other = rack.place(switch, "172.31.9.1"), rack.place(foreign, "172.31.9.2")
    daemon = rack.daemon()
    rack.vtep_settles(vtep, switch)
    rack.vtep_settles(other, foreign)
    switch.vtep_ctl("add-ls", "theirs", "--", "add-ucast-remote", "theirs", mac(9), "172.31.7.7")
    theirs = next(row for row in switch.table("Logical_Switch").values() if row["name"] == "theirs")
    switch.kill()
    daemon.kill()
    rack.delete("vtep", vtep, cascade=True)  # while no daemon runs
    foreign.vtep_ctl("set", "Global", ".", f"other_config:midonet-hash={'0' * 64}")  # as if it were of another log
    held = read_rows(*foreign.tcp)
    foreign.kill()
    rack.delete("vtep", other, cascade=True)
    daemon.start()
    eventually(lambda: len(details(daemon)["retired"]) == 2)
    switch.start()
    eventually(lambda: read_rows(*switch.tcp) == {} and "midonet-position" not in switch.config())
    (left,) = switch.table("Logical_Switch").values()
    assert {**left, "_version": None} == {**theirs, "_version": None}, "versions are made anew by every start"
    foreign.start()
    eventually(lambda: details(daemon)["retired"] == {}, 30)
    assert read_rows(*foreign.tcp) == held != {}


def test_referenced_switch_is_removed_when_released(rack: Rack) -> None:
    switch = rack.switch()
    vtep = rack.place(switch, "172.31.9.1")
    second = rack.create("bridge", name="second")
    binding = rack.bind(vtep, 7, second)
    daemon = rack.daemon()
    rack.vtep_settles(vtep, switch)
    uuid = next(uuid for uuid, row in switch.table("Logical_Switch").items() if row["name"] == f"mn-{second}")
    row = {"name": "theirs", "switch_binding": ["map", [["10.0.0.0/24", ["uuid", uuid]]]]}
    switch.transact({"op": "insert", "table": "Logical_Router", "row": row})
    rack.delete("vtep-binding", binding)
    eventually(lambda: any("mn-" in key for one in daemon.status()["projections"] for key in one["waiting"]))
    switch.transact({"op": "delete", "table": "Logical_Router", "where": []})
    eventually(lambda: f"mn-{second}" not in switch.vtep_ctl("list-ls"), 30)
    eventually(lambda: all(not one["waiting"] for one in daemon.status()["projections"]))
    rack.vtep_settles(vtep, switch)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_stop_and_upgrade_change_no_row(rack: Rack, end: str) -> None:
    switch, second = rack.switch(), rack.switch()
    vtep = rack.place(switch, "172.31.9.1", bfd=True, replication="source-node")
    rack.place(second, "172.31.9.2")
    rack.create("mac-entry", bridge=rack.net, mac=mac(1), port=rack.port)
    daemon = rack.daemon()
    eventually(lambda: rack.name in second.vtep_ctl("list-ls"))
    learn(second, rack.name, mac(5), "172.31.9.2")
    eventually(lambda: rack.macs(switch) == {mac(1): ("172.31.0.1", ""), mac(5): ("172.31.9.2", "")})
    head = rack.store.topology.head.position
    eventually(lambda: switch.config().get("midonet-position") == str(head))
    before, config = rows_of(switch), switch.config()
    getattr(daemon, end)()
    assert (rows_of(switch), switch.config()) == (before, config)
    successor = rack.daemon()
    eventually(lambda: connected(successor))
    time.sleep(1)
    assert (rows_of(switch), switch.config()) == (before, config)
    assert vtep
