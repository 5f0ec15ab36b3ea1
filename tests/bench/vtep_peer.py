"""Rows of a hardware VTEP, against `ovn-northd` with `ovn-controller-vtep`, and against the IDL of the `ovs` package.

Both sides have a switch of their own and as many stations in it. A station is a port on a host with a MAC address; it
comes where operators make it come (a command on our log, durable; a transaction on OVN's northbound database, which is
not, and its binding to a chassis), and `ovsdb-client` sees the row.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from statistics import median
from time import perf_counter, sleep
from typing import Any
from uuid import uuid4

from figures import Goal, Row, duration
from fleet import Fleet
from load import CONTEXT, directory
from ovs.db.idl import Idl, SchemaHelper
from ovs.poller import Poller
from witnesses import Rows

from midonet.events.command import Command, Create, Delete
from midonet.projections.ovsdb import Client
from midonet.projections.vtep import VtepTarget
from midonet.testbed import OvsdbServer, ZooKeeper
from midonet.testbed.ovn import Ovn

__all__ = ["vtep", "vtep_drift", "vtep_sync"]

_LARGE = 1_900
"""Stations of the larger switch: the peer's VXLAN mode knows 2,047 ports of a switch, not more."""
_REST = 0.05
_CHUNKS = 5
_ROWS = 50_000


def vtep(*, quick: bool) -> Iterator[Row]:
    """One station at a time into a small and into a large switch, and all stations of a large one at once."""
    rounds = 15 if quick else 50
    for stations, goal in ((100, Goal("≤", 0.55)), (500 if quick else _LARGE, Goal("≤", 0.05))):
        with _both(stations) as (ours, peer):
            ours_times, peer_times = _in_turn(rounds, ours.add, peer.add)
            yield _row(f"a station → row, {stations:,} stations, vs OVN", ours_times, peer_times, goal)
    yield from _bulk(quick=quick)


def _bulk(*, quick: bool) -> Iterator[Row]:
    stations = 500 if quick else _LARGE
    with _both(0) as (ours, peer):
        pairs = [(ours.fill(stations), peer.fill(stations)) for _ in range(3 if quick else 5)][1:]
        yield _row(
            f"{stations:,} stations at once → all rows, vs OVN",
            [a for a, _ in pairs],
            [b for _, b in pairs],
            Goal("≤", 0.25),
        )


def vtep_drift(*, quick: bool) -> Iterator[Row]:
    """A row is deleted in the switch's database by a stranger, until it is back."""
    stations = 500 if quick else _LARGE
    with _both(stations) as (ours, peer):
        ours_times, peer_times = _in_turn(10 if quick else 40, ours.lose, peer.lose)
        yield _row(
            f"a row lost in the switch → repaired, {stations:,} stations, vs OVN", ours_times, peer_times, Goal("≤", 1)
        )


def vtep_sync(*, quick: bool) -> Iterator[Row]:
    """Connecting to a switch that holds many rows already, until all of them are known."""
    rows = 5_000 if quick else _ROWS
    with OvsdbServer() as ovsdb:
        _write_rows(ovsdb, rows)
        pairs = [(_timed(lambda: _load(ovsdb)), _timed(lambda: _load_idl(ovsdb))) for _ in range(3)]
        yield _row(
            f"first sync of a switch with {rows:,} rows, vs the IDL",
            [a for a, _ in pairs],
            [b for _, b in pairs],
            Goal("≤", 0.3),
        )


class _Side:
    """One control plane with its switch, and eyes on the rows."""

    def __init__(self, stack: ExitStack, ovsdb: OvsdbServer) -> None:
        self.ovsdb = ovsdb
        self._rows = stack.enter_context(closing(Rows(ovsdb.sock, "Ucast_Macs_Remote", "MAC")))
        self._stranger = stack.enter_context(closing(Client(str(ovsdb.sock))))
        self.number = 0

    def put(self, numbers: Sequence[int]) -> None:
        """Add stations in one go."""
        raise NotImplementedError

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove stations that were put."""
        raise NotImplementedError

    def add(self) -> float:
        """Add one station; return the seconds until its row was seen."""
        self.number += 1
        return self._until([self.number], lambda: self.put([self.number]))

    def fill(self, count: int) -> float:
        """Add so many stations at once, then remove them; return the seconds until the last row was seen."""
        numbers = range(1, count + 1)
        taken = self._until(numbers, lambda: self.put(numbers))
        self.remove(numbers)
        while self._count():
            sleep(_REST)
        return taken

    def lose(self) -> float:
        """Delete the row of some station; return the seconds until it is back."""
        self.number += 1
        where = [["MAC", "==", _base(self.number)]]
        delete = {"op": "delete", "table": "Ucast_Macs_Remote", "where": where}
        sighting = self._rows.expect(f'"insert","{_base(self.number)}"')
        start = perf_counter()
        self._stranger.transact("hardware_vtep", [delete])
        return sighting.since(start)

    def _until(self, numbers: Sequence[int], work: Callable[[], None]) -> float:
        sightings = [self._rows.expect(f'"insert","{_mac(number)}"') for number in numbers]
        start = perf_counter()
        work()
        return max(sighting.since(start) for sighting in sightings)

    def _count(self) -> int:
        select: dict[str, Any] = {"op": "select", "table": "Ucast_Macs_Remote", "where": [], "columns": ["MAC"]}
        return len(self._stranger.transact("hardware_vtep", [select])[0]["rows"])

    def settle(self, stations: int) -> None:
        """Wait until so many rows are there."""
        while self._count() < stations:
            sleep(_REST)


class _Ours(_Side):
    def __init__(self, stack: ExitStack, fleet: Fleet) -> None:
        super().__init__(stack, fleet.ovsdb)
        self._store = fleet.store
        self._bridge = fleet.id_of("bridge", "bridge-0")
        self._hosts = list(fleet.store.topology.all("host"))

    def put(self, numbers: Sequence[int]) -> None:
        self._store.execute(Command("apply", [op for number in numbers for op in self._station(number)]), CONTEXT)

    def _station(self, number: int) -> tuple[Create, Create]:
        port, host = str(uuid4()), self._hosts[number % len(self._hosts)]
        bound = {"id": port, "bridge": self._bridge, "host": host, "interface": f"vm{number}"}
        return Create("port", bound), Create("mac-entry", {"bridge": self._bridge, "mac": _mac(number), "port": port})

    def remove(self, numbers: Sequence[int]) -> None:
        names = {f"vm{number}" for number in numbers}
        ports = [port.id for port in self._store.topology.all("port").values() if port.interface in names]
        self._store.execute(Command("apply", [Delete("port", port) for port in ports]), CONTEXT)


class _Peer(_Side):
    def __init__(self, stack: ExitStack, ovsdb: OvsdbServer, stations: int) -> None:
        super().__init__(stack, ovsdb)
        self._ovn = stack.enter_context(Ovn(ovsdb))
        if stations:
            self._ovn.add([_base(number) for number in range(stations)])

    def put(self, numbers: Sequence[int]) -> None:
        self._ovn.add([_mac(number) for number in numbers])

    def remove(self, numbers: Sequence[int]) -> None:
        self._ovn.remove([_mac(number) for number in numbers])


@contextmanager
def _both(stations: int) -> Iterator[tuple[_Ours, _Peer]]:
    with ExitStack() as stack:
        place, zookeeper = stack.enter_context(directory()), stack.enter_context(ZooKeeper())
        fleet = Fleet(stack, place, zookeeper, stations or 100, macs=bool(stations), agent=False)
        fleet.await_views()
        switch = stack.enter_context(OvsdbServer())
        switch.add_switch("tor", ["eth1"], tunnel_ip="172.16.1.2")
        ours, peer = _Ours(stack, fleet), _Peer(stack, switch, stations)
        ours.settle(stations)
        peer.settle(stations)
        yield ours, peer


def _in_turn(rounds: int, *works: Callable[[], float]) -> list[list[float]]:
    """Do each in turn, the first to go changing; leave out the first few rounds."""
    found: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 3):
        for index in sorted(range(len(works)), reverse=bool(number % 2)):
            sleep(_REST)
            found[index].append(works[index]())
    return [times[3:] for times in found]


def _row(name: str, ours: Sequence[float], peer: Sequence[float], goal: Goal) -> Row:
    chunks = [slice(number, None, min(_CHUNKS, len(ours))) for number in range(min(_CHUNKS, len(ours)))]
    return Row(
        name=name,
        ours=_words(ours),
        peer=_words(peer),
        ratios=[median(ours[chunk]) / median(peer[chunk]) for chunk in chunks],
        goal=goal,
    )


def _words(seconds: Sequence[float]) -> str:
    return f"{duration(median(seconds))}, worst {duration(max(seconds))}"


def _mac(number: int) -> str:
    return f"02:0f:00:00:{number >> 8:02x}:{number & 0xFF:02x}"


def _base(number: int) -> str:
    """Return the MAC address of a station of the beginning, as `fleet` counts them."""
    return f"02:00:00:{number // 100:02x}:00:{number % 100:02x}"


def _timed(work: Callable[[], None]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _write_rows(ovsdb: OvsdbServer, count: int) -> None:
    """Fill a switch as somebody did long ago."""
    ovsdb.add_switch("tor", ["eth1"], tunnel_ip="172.16.1.1")
    ovsdb.vtep_ctl("add-ls", "mn-bench", "--", "add-ucast-remote", "mn-bench", "02:ff:00:00:00:00", "172.16.0.1")
    with closing(Client(str(ovsdb.sock), timeout=60)) as client:
        select: list[Any] = [
            {"op": "select", "table": table, "where": []} for table in ("Logical_Switch", "Physical_Locator")
        ]
        switch, locator = (result["rows"][0]["_uuid"] for result in client.transact("hardware_vtep", select))
        row = {"logical_switch": switch, "locator": locator, "ipaddr": ""}
        macs = [f"02:00:00:{n >> 16:02x}:{n >> 8 & 0xFF:02x}:{n & 0xFF:02x}" for n in range(1, count)]
        rows = [{"op": "insert", "table": "Ucast_Macs_Remote", "row": {**row, "MAC": mac}} for mac in macs]
        for start in range(0, len(rows), 1000):
            client.transact("hardware_vtep", rows[start : start + 1000])


def _load(ovsdb: OvsdbServer) -> None:
    with closing(VtepTarget(*ovsdb.tcp)) as target:
        target.load()


def _load_idl(ovsdb: OvsdbServer) -> None:
    helper = SchemaHelper("/usr/share/openvswitch/vtep.ovsschema")
    helper.register_all()
    idl = Idl(f"tcp:{ovsdb.host}:{ovsdb.port}", helper)
    while not idl.has_ever_connected():
        idl.run()
        poller = Poller()
        idl.wait(poller)
        poller.timer_wait(1)  # else it misses what it has read already
        poller.block()
    idl.close()
