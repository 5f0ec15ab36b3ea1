"""From a command on the log to rows on switches, kept by a runner through restarts, drift and late hardware."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from vtep_switch import VtepSwitch, mac, wait_until

from midonet.events.command import AddItem, Command, Create, Op
from midonet.events.log.address import open_log
from midonet.events.log.store import Context, Store
from midonet.projections.feed import Feed
from midonet.projections.runner import Runner
from midonet.projections.vtep import Key, Value, VtepProjection, VtepTarget, read_checkpoint, read_rows


class Site:
    """A log with a bridge `net`, a host `hv1` in the zone `tors`, and whoever keeps VTEPs equal to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = Store(open_log(url))
        self.running = ExitStack()
        self.create("host", "hv1")
        self.create("tunnel-zone", "tors", type="vtep", members=[{"host": "hv1", "address": "172.31.0.1"}])
        self.create("bridge", "net")
        self.create("port", "p1", bridge="net", host="hv1", interface="tap1")

    def run(self, *ops: Op) -> None:
        """Run one command."""
        self.store.execute(Command("test", list(ops)), Context(actor="test"))

    def create(self, kind: str, name: str | None = None, **fields: Any) -> None:
        """Create an object."""
        self.run(Create(kind, {**({"name": name} if name else {}), **fields}))

    def host(self, name: str) -> str:
        """Create a host; return its name."""
        self.create("host", name, flooding_proxy_weight=9)
        return name

    def add_vtep(self, name: str, switch: VtepSwitch) -> None:
        """Create a VTEP that is this switch, with a binding of the bridge to swp1."""
        self.create("vtep", name, management_ip=switch.host, management_port=switch.port, tunnel_zone="tors")
        self.create("vtep-binding", vtep=name, physical_port="swp1", bridge="net")

    def keep(self) -> None:
        """Start to keep every VTEP that there is."""
        feed = Feed(lambda: open_log(self.url), idle=0.2)
        self.running.enter_context(started(feed))
        for vtep in self.store.topology.all("vtep").values():
            target = VtepTarget(vtep.management_ip, vtep.management_port)
            self.running.enter_context(started(Runner(feed, VtepProjection(vtep.id), target)))

    def stop(self) -> None:
        """Stop to keep them."""
        self.running.close()

    def settle(self, switch: VtepSwitch) -> None:
        """Wait until a switch is at the head of the log; its rows must be those of a projection from scratch."""
        head = self.store.topology.head.position
        wait_until(lambda: read_checkpoint(*switch.tcp).position == head)
        assert read_rows(*switch.tcp) == self.rows(switch)

    def rows(self, switch: VtepSwitch) -> dict[Key, Value | None]:
        """Return the rows that a switch should have, from a replay of the log."""
        with closing(open_log(self.url)) as log:
            store = Store(log)
            store.refresh()
        (vtep,) = (one for one in store.topology.all("vtep").values() if one.management_port == switch.port)
        projection = VtepProjection(vtep.id)
        projection.attach(store.topology)
        return {key: projection.render(key) for key in iter(projection.keys())}


@contextmanager
def started(thing: Feed | Runner[Key, Value]) -> Iterator[None]:
    """Start something, and stop it in the end."""
    thing.start()
    try:
        yield
    finally:
        thing.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(f"sqlite:///{tmp_path}/log.db")
    yield made
    made.stop()
    made.store.log.close()


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


def test_a_restart_goes_on_where_the_checkpoint_is(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.keep()
    site.settle(switch)
    site.stop()
    before = switch.table("Logical_Switch")
    site.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    site.keep()
    site.settle(switch)
    assert switch.table("Logical_Switch") == before, "what was right is not written again"


def test_a_row_that_somebody_removed_is_back_within_a_second(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    site.keep()
    site.settle(switch)
    (net,) = site.store.topology.named("bridge", "net")
    switch.vtep_ctl("clear-remote-macs", f"mn-{net.id}")
    wait_until(lambda: read_rows(*switch.tcp) == site.rows(switch), 1)


def test_a_port_that_comes_late_is_bound_when_it_comes(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.create("vtep-binding", vtep="tor", physical_port="swp9", vlan=9, bridge="net")
    site.keep()
    wait_until(lambda: read_checkpoint(*switch.tcp).position == site.store.topology.head.position)
    switch.vtep_ctl("add-port", "tor", "swp9")
    wait_until(lambda: switch.bindings("swp9"), 2)
    site.settle(switch)


def test_a_switch_that_is_away_delays_no_other_and_catches_up(site: Site, switch: VtepSwitch) -> None:
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
        second.reset()
        site.settle(second)


def test_one_command_with_many_macs(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.keep()
    site.run(*(Create("mac-entry", {"bridge": "net", "mac": mac(n), "port": "p1"}) for n in range(1, 3000)))
    site.settle(switch)
    site.run(AddItem("tunnel-zone", "tors", "members", {"host": site.host("hv2"), "address": "172.31.0.2"}))
    site.settle(switch)
