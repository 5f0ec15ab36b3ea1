"""Until a switch was read its tunnel address may be unknown: rows of other switches that depend on it are kept."""

from typing import Any

import pytest
from world import World

from midonet.events.topology.evolve import Change
from midonet.projections.vtep import SWITCH_UPDATE, CurrentRow, Key, LearnedMacs, SwitchUpdate, VtepProjection

ME, OTHER = (f"0a000000-0000-0000-0000-00000000000{number}" for number in "12")
MINE, THEIRS, HOST = "172.31.9.1", "172.31.9.2", "172.31.0.1"
MAC = "06:00:00:00:00:55"


class Net(World):
    """A bridge at two VTEPs that tell where they are, with a station that an operator put behind the other."""

    def __init__(self) -> None:
        super().__init__()
        self.create("host", "hv1")
        self.create("tunnel-zone", "tors", type="vtep", members=[{"host": "hv1", "address": HOST}])
        self.create("bridge", "net")
        for vtep in (ME, OTHER):
            fields: dict[str, Any] = {"tunnel_zone": "tors", "replication": "source-node", "bfd": True}
            self.create("vtep", id=vtep, management_ip=f"192.0.2.{vtep[-1]}", **fields)
            self.create("vtep-binding", vtep=vtep, physical_port="swp1", bridge="net")
        (port,) = (one for one in self.topology.all("port").values() if one.vtep == OTHER)
        self.create("mac-entry", bridge="net", mac=MAC, port=port.id)
        switch = f"mn-{self.get('bridge', 'net').id}"
        self.station: Key = ("ucast", switch, MAC)
        self.flood: Key = ("mcast", switch, "unknown-dst")


@pytest.fixture
def net() -> Net:
    return Net()


def hear(projection: VtepProjection, learned: LearnedMacs, vtep: str, *addresses: str) -> set[Key]:
    news = learned.apply(vtep, SwitchUpdate({}, addresses, whole=True))
    return projection.apply([Change(SWITCH_UPDATE, vtep, None, news)])


def test_current_rows_are_kept_until_reports_arrive(net: Net) -> None:
    watched: dict[Key, str] = {("bfd", HOST): MINE, ("bfd", THEIRS): MINE, ("bfd", "172.31.9.9"): MINE}
    rows = {key: CurrentRow(value, 0) for key, value in watched.items()}
    rows |= {net.station: CurrentRow((THEIRS, ""), 0), net.flood: CurrentRow((HOST, THEIRS), 0)}
    learned = LearnedMacs()
    projection = VtepProjection(ME, learned, rows.get)
    projection.attach(net.topology)
    assert {key: projection.render(key) for key in rows} == {key: held.value for key, held in rows.items()}
    hear(projection, learned, ME, MINE)
    assert {key: projection.render(key) for key in rows} == {key: held.value for key, held in rows.items()}
    touched = hear(projection, learned, OTHER, "172.31.9.3")
    assert rows.keys() <= touched | {("bfd", HOST)}
    assert projection.render(net.station) == ("172.31.9.3", "")
    assert projection.render(net.flood) == (HOST, "172.31.9.3")
    assert [projection.render(key) for key in watched] == [MINE, None, None]


def test_empty_address_report_is_accepted(net: Net) -> None:
    rows: dict[Key, CurrentRow] = {net.station: CurrentRow((THEIRS, ""), 0), net.flood: CurrentRow((HOST, THEIRS), 0)}
    learned = LearnedMacs()
    projection = VtepProjection(ME, learned, rows.get)
    projection.attach(net.topology)
    assert rows.keys() <= hear(projection, learned, OTHER)
    assert projection.render(net.station) is None
    assert projection.render(net.flood) == (HOST,)


def test_row_that_points_to_a_host_is_replaced(net: Net) -> None:
    rows: dict[Key, CurrentRow] = {net.station: CurrentRow((HOST, THEIRS), 0)}
    projection = VtepProjection(ME, LearnedMacs(), rows.get)
    projection.attach(net.topology)
    assert projection.render(net.station) is None
