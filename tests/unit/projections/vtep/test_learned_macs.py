"""Stations that several switches report: the latest word counts, and two writers never undo each other's rows."""

from random import Random
from typing import Any

import pytest
from world import World

from midonet.events.topology.evolve import Change
from midonet.projections.vtep import SWITCH_UPDATE, CurrentRow, Key, LearnedMacs, LocalMac, SwitchUpdate, VtepProjection

A, B, C = (f"0a000000-0000-0000-0000-00000000000{number}" for number in "123")
TUNNEL = {A: "172.31.9.1", B: "172.31.9.2", C: "172.31.9.3"}
MAC = "00:11:22:33:44:55"


class Net(World):
    """One bridge at three VTEPs, and what the last of them should hold: changed only by what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.create("host", "hv1")
        self.create("tunnel-zone", "tors", type="vtep", members=[{"host": "hv1", "address": "172.31.0.1"}])
        self.create("bridge", "net")
        self.create("port", "p1", bridge="net", host="hv1", interface="tap1")
        for vtep, address in TUNNEL.items():
            self.create("vtep", id=vtep, management_ip=f"192.0.2.{vtep[-1]}", tunnel_zone="tors", tunnel_ips=[address])
            self.create("vtep-binding", vtep=vtep, physical_port="swp1", bridge="net")
        self.switch = f"mn-{self.get('bridge', 'net').id}"
        self.key: Key = ("ucast", self.switch, MAC)


class Writer:
    """A process that keeps VTEP C: it hears the switches in its own order, and sees what C holds."""

    def __init__(self, net: Net, rows: dict[Key, CurrentRow]) -> None:
        self.net = net
        self.learned = LearnedMacs()
        self.rows = rows
        self.projection = VtepProjection(C, self.learned, self.rows.get)
        self.projection.attach(net.topology)

    def hear(self, vtep: str, *, gone: bool = False, whole: bool = False, ip: str = "", mac: str = MAC) -> set[Key]:
        """Hear of one station behind a VTEP, or that it is gone; return the keys that are to be looked at."""
        local = None if gone else LocalMac(TUNNEL[vtep], ip)
        stations = {} if whole and gone else {(self.net.switch, mac): local}
        news = self.learned.apply(vtep, SwitchUpdate(stations, (TUNNEL[vtep],), whole))
        return self.projection.apply([Change(SWITCH_UPDATE, vtep, None, news)])

    def row(self) -> object:
        """Return what it would write."""
        return self.projection.render(self.net.key)


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def writer(net: Net) -> Writer:
    made = Writer(net, {})
    for vtep in (A, B, C):
        made.hear(vtep, gone=True, whole=True)
    return made


def test_a_station_behind_another_vtep_is_reached_there(net: Net, writer: Writer) -> None:
    assert net.key in writer.hear(A, ip="10.0.0.7")
    assert writer.row() == (TUNNEL[A], "10.0.0.7")
    assert net.key in set(writer.projection.keys())
    assert net.key in writer.hear(A, gone=True)
    assert writer.row() is None


def test_a_station_behind_the_switch_itself_is_not_echoed(writer: Writer) -> None:
    writer.hear(C)
    assert writer.row() is None


def test_what_the_topology_says_of_a_station_wins(net: Net, writer: Writer) -> None:
    net.create("mac-entry", bridge="net", mac=MAC, port="p1")
    writer.projection.attach(net.topology)
    assert net.key not in writer.hear(A)
    assert writer.row() == ("172.31.0.1", "")


def test_the_operators_ip_address_goes_before_the_switchs(net: Net, writer: Writer) -> None:
    net.create("arp-entry", bridge="net", ip="10.0.0.1", mac=MAC)
    writer.projection.attach(net.topology)
    writer.hear(A, ip="10.0.0.7")
    assert writer.row() == (TUNNEL[A], "10.0.0.1")


def test_a_station_that_moves_is_where_it_was_heard_last(writer: Writer) -> None:
    writer.hear(A)
    writer.hear(B)
    assert writer.row() == (TUNNEL[B], "")
    writer.hear(A, ip="10.0.0.7")  # an address is no move
    assert writer.row() == (TUNNEL[B], "")
    writer.hear(A, gone=True)
    writer.hear(A)
    assert writer.row() == (TUNNEL[A], "")
    writer.hear(C)
    assert writer.row() is None
    writer.hear(C, gone=True)
    assert writer.row() == (TUNNEL[A], "")


def test_only_switches_of_the_bridge_are_believed(net: Net, writer: Writer) -> None:
    writer.hear(A)
    (binding,) = (one for one in net.topology.all("vtep-binding").values() if one.vtep == A)
    net.delete("vtep-binding", binding.id)
    writer.projection.attach(net.topology)
    assert writer.row() is None


def test_of_what_was_there_before_anybody_looked_the_row_decides_else_the_lowest_vtep(net: Net) -> None:
    rows: dict[Key, CurrentRow] = {}
    writer = Writer(net, rows)
    for vtep in (B, A):
        writer.hear(vtep, whole=True)
    assert writer.row() == (TUNNEL[A], "")
    rows[net.key] = CurrentRow((TUNNEL[B], ""), 0)
    assert writer.row() == (TUNNEL[B], "")
    rows[net.key] = CurrentRow(("172.31.0.1", ""), 0)
    assert writer.row() == (TUNNEL[A], ""), "a row that no report supports is removed"


def test_a_switch_that_cannot_be_read_takes_nothing_back(net: Net) -> None:
    rows: dict[Key, CurrentRow] = {net.key: CurrentRow((TUNNEL[A], "10.0.0.7"), 0)}
    writer = Writer(net, rows)
    writer.hear(B, gone=True, whole=True)
    assert writer.row() == (TUNNEL[A], "10.0.0.7"), "a writer that can read A wrote it"
    writer.hear(A, gone=True, whole=True)
    assert writer.row() is None
    rows.clear()
    writer.hear(A)
    assert writer.row() == (TUNNEL[A], "")
    writer.learned.mark_unreachable(A)
    assert writer.row() is None, "the report is out of date"
    rows[net.key] = CurrentRow((TUNNEL[A], ""), 0)
    assert writer.row() == (TUNNEL[A], "")


def test_a_switch_that_comes_back_is_as_late_as_it_was(writer: Writer, net: Net) -> None:
    writer.hear(B)
    writer.hear(A)
    writer.rows[net.key] = CurrentRow((TUNNEL[A], ""), 0)
    writer.learned.mark_unreachable(A)
    assert writer.row() == (TUNNEL[A], ""), "the one that is away was the later one"
    writer.hear(A, whole=True)
    assert writer.row() == (TUNNEL[A], "")
    writer.learned.mark_unreachable(B)
    writer.hear(B, whole=True)
    assert writer.row() == (TUNNEL[A], "")


def test_a_vtep_that_is_forgotten_has_no_stations(writer: Writer) -> None:
    writer.hear(A)
    writer.learned.forget(A)
    assert writer.row() is None


@pytest.mark.parametrize("seed", range(20))
def test_writers_that_heard_in_different_orders_agree_in_the_end(net: Net, seed: int) -> None:
    """Each writer writes its rows and reads those of the others; after a few rounds no writer has changes."""
    rng = Random(seed)  # noqa: S311 - makes test data
    row: Any = None
    views: list[dict[Key, CurrentRow]] = [{}, {}, {}]
    writers = [Writer(net, view) for view in views]
    for writer, order in zip(writers, [*rng.sample([(A, B), (B, A)], 2), (A, B)], strict=True):
        for vtep in (A, B, C):
            writer.hear(vtep, gone=True, whole=True)
        for vtep in order:
            writer.hear(vtep)
    writes = 0
    for _ in range(30):
        writer = rng.choice(writers)
        wanted = writer.row()
        if wanted != row:
            row, writes = wanted, writes + 1
            for other in writers:
                age = 0 if other is writer else other.learned.tick()
                other.rows[net.key] = CurrentRow(row, age)
    assert writes <= 3
    assert {writer.row() for writer in writers} == {row}


def test_what_makes_no_sense_is_not_passed_on(net: Net, writer: Writer) -> None:
    net.set("vtep", A, tunnel_ips=[])
    writer.projection.attach(net.topology)
    said = SwitchUpdate({(net.switch, MAC): LocalMac("hello", "")}, (), whole=False)
    writer.projection.apply([Change(SWITCH_UPDATE, A, None, writer.learned.apply(A, said))])
    assert writer.row() is None


def test_a_switch_without_configured_addresses_is_reached_where_it_says(net: Net, writer: Writer) -> None:
    net.set("vtep", A, tunnel_ips=[])
    writer.projection.attach(net.topology)
    writer.hear(A)
    assert writer.row() == (TUNNEL[A], "")
