"""Rows of a hardware VTEP, against `ovn-northd` with `ovn-controller-vtep`, and against the IDL of the `ovs` package.

Both sides have a switch of their own, with as many stations behind it. A station is a port that is bound to a host and
has a MAC and an IP address. Two things are measured: addresses that come to a port that is there already, a MAC with
its IP address, and a station that comes as a whole. They come where operators make them come (a command on our log,
durable; a transaction on OVN's northbound database, which is not), and `ovsdb-client` sees the row.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from statistics import median
from time import perf_counter, sleep
from typing import Any, Literal
from uuid import uuid4

from figures import Goal, Row, duration
from fleet import Fleet, station
from load import CONTEXT, directory
from ovs.db.idl import Idl, SchemaHelper
from ovs.poller import Poller
from witnesses import Rows

from midonet.events.commands.command import Command, Create, Delete
from midonet.projections.ovsdb import Client
from midonet.projections.vtep import VtepTarget
from midonet.testbed import OvsdbServer, ZooKeeper
from midonet.testbed.ovn import Ovn

__all__ = ["vtep", "vtep_drift", "vtep_sync"]

_LARGE = 2_000
"""Stations of the larger switch, to which some come: the peer's VXLAN mode knows 2,047 ports of a switch, not more."""
_REST = 0.05
_LULL = 0.3
"""Seconds before many at once: what follows the removal of as many must not delay them, on either side."""
_CHUNKS = 5
_ROWS = 50_000

_Work = Callable[[Sequence[int]], None]


def vtep(*, quick: bool) -> Iterator[Row]:
    """Stations and their addresses, one at a time into a small and into a large switch; all of a large one at once."""
    rounds = 15 if quick else 40
    large = (500, None) if quick else (_LARGE, Goal("≤", 0.05))
    for stations, goal in ((100, Goal("≤", 0.55)), large):
        with _both(stations) as (ours, peer):
            times = _in_turn(rounds, ours.add_mac, peer.add_mac, ours.add, peer.add)
        names = (f"a {what} → row, among {stations:,}" for what in ("MAC", "station"))
        yield from _rows(names, *times, goal=goal)
    yield from _bulk(*(500, 4, None) if quick else (_LARGE, 8, Goal("≤", 0.25)))


def _bulk(count: int, rounds: int, goal: Goal | None) -> Iterator[Row]:
    with _both(0) as (ours, peer):
        stations = range(1, count + 1)
        for side in (ours, peer):
            side.lay(stations)
        macs = _in_turn(rounds, lambda: ours.fill_macs(count), lambda: peer.fill_macs(count), warm_up=1)
        for side in (ours, peer):
            side.remove(stations)
        whole = _in_turn(rounds, lambda: ours.fill(count), lambda: peer.fill(count), warm_up=1)
    names = (f"{count:,} {what} at once → all rows" for what in ("MACs", "stations"))
    yield from _rows(names, *macs, *whole, goal=goal)


def _rows(names: Iterable[str], *times: list[float], goal: Goal | None) -> Iterator[Row]:
    """Compare addresses and whole stations; the goals were set with MACs of OVN's that come with their ports."""
    mac, both = names
    our_macs, peers_macs, our_stations, peers_stations = times
    yield _row(f"{mac}, vs OVN's with its port", our_macs, peers_stations, goal)
    yield _row(f"{mac}, vs OVN's where its port is there", our_macs, peers_macs)
    yield _row(f"{both}, vs OVN's", our_stations, peers_stations)


def vtep_drift(*, quick: bool) -> Iterator[Row]:
    """Deletes a row of the switch's database out of band; measures the time until it is repaired."""
    stations, goal = (500, None) if quick else (_LARGE, Goal("≤", 1))
    with _both(stations) as (ours, peer):
        lost, peers = _in_turn(10 if quick else 40, ours.lose, peer.lose)
        yield _row(f"a row lost in the switch → repaired, {stations:,} stations, vs OVN", lost, peers, goal)


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

    def put_macs(self, numbers: Sequence[int]) -> None:
        """Give further addresses to ports that are there, in one go, one each if there are so many."""
        raise NotImplementedError

    def remove_macs(self, numbers: Sequence[int]) -> None:
        """Take addresses that were put."""
        raise NotImplementedError

    def add(self) -> float:
        """Add one station; return the seconds until its row was seen."""
        return self._until([self._next()], self.put)

    def add_mac(self) -> float:
        """Give some port one more address; return the seconds until its row was seen."""
        return self._until([self._next()], self.put_macs)

    def fill(self, count: int) -> float:
        """Add so many stations at once, then remove them; return the seconds until the last row was seen."""
        return self._filled(count, self.put, self.remove)

    def fill_macs(self, count: int) -> float:
        """Do as `fill` with addresses of ports that are there."""
        return self._filled(count, self.put_macs, self.remove_macs)

    def lose(self) -> float:
        """Delete the row of some station; return the seconds until it is back."""
        mac, _ = station(self._next())
        delete = {"op": "delete", "table": "Ucast_Macs_Remote", "where": [["MAC", "==", mac]]}
        sighting = self._rows.expect(f'"insert","{mac}"')
        start = perf_counter()
        self._stranger.transact("hardware_vtep", [delete])
        return sighting.since(start)

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _filled(self, count: int, put: _Work, remove: _Work) -> float:
        numbers = range(1, count + 1)
        sleep(_LULL)
        gc.collect()
        taken = self._until(numbers, put)
        remove(numbers)
        self.settle(0)
        return taken

    def _until(self, numbers: Sequence[int], work: _Work) -> float:
        sighting = self._rows.expect_all([_addresses(number)[0] for number in numbers])
        start = perf_counter()
        work(numbers)
        return sighting.since(start)

    def settle(self, stations: int) -> None:
        """Wait until so many rows are there."""
        select: dict[str, Any] = {"op": "select", "table": "Ucast_Macs_Remote", "where": [], "columns": ["MAC"]}
        while len(self._stranger.transact("hardware_vtep", [select])[0]["rows"]) != stations:
            sleep(_REST)


class _Ours(_Side):
    def __init__(self, stack: ExitStack, fleet: Fleet) -> None:
        super().__init__(stack, fleet.ovsdb)
        self._fleet = fleet
        self._store = fleet.store
        self._bridge = fleet.id_of("bridge", "bridge-0")
        self._hosts = list(fleet.store.topology.all("host"))
        self._ports = [port.id for port in fleet.store.topology.all("port").values() if port.bridge == self._bridge]
        self._stations: dict[int, str] = {}

    def put(self, numbers: Sequence[int]) -> None:
        self._run([op for number in numbers for op in self._station(number)])

    def _station(self, number: int) -> Iterator[Create]:
        port, host = str(uuid4()), self._hosts[number % len(self._hosts)]
        self._stations[number] = port
        yield Create("port", {"id": port, "bridge": self._bridge, "host": host, "interface": f"vm{number}"})
        yield from self._entries(number, port)

    def _entries(self, number: int, port: str) -> Iterator[Create]:
        mac, ip = _addresses(number)
        yield Create("mac-entry", {"bridge": self._bridge, "mac": mac, "port": port})
        yield Create("arp-entry", {"bridge": self._bridge, "ip": ip, "mac": mac})

    def remove(self, numbers: Sequence[int]) -> None:
        ports = [Delete("port", self._stations.pop(number)) for number in numbers]
        self._run([*ports, *self._found("arp-entry", numbers)])  # a MAC entry goes with its port

    def lay(self, numbers: Sequence[int]) -> None:
        """Add the ports of stations, which have no address yet."""
        self._run([next(self._station(number)) for number in numbers])
        self._ports = list(self._stations.values())

    def put_macs(self, numbers: Sequence[int]) -> None:
        places = [(number, self._ports[number % len(self._ports)]) for number in numbers]
        self._run([op for number, port in places for op in self._entries(number, port)])

    def remove_macs(self, numbers: Sequence[int]) -> None:
        self._run([*self._found("mac-entry", numbers), *self._found("arp-entry", numbers)])

    def _found(self, kind: Literal["mac-entry", "arp-entry"], numbers: Sequence[int]) -> Iterator[Delete]:
        """Yield what deletes the entries of these stations."""
        macs = {_addresses(number)[0] for number in numbers}
        return (Delete(kind, entry.id) for entry in self._store.topology.all(kind).values() if entry.mac in macs)

    def _run(self, ops: Sequence[Create | Delete]) -> None:
        self._store.execute(Command("apply", list(ops)), CONTEXT)

    def settle(self, stations: int) -> None:
        super().settle(stations)
        self._fleet.await_views()


class _Peer(_Side):
    def __init__(self, stack: ExitStack, ovsdb: OvsdbServer, stations: int) -> None:
        super().__init__(stack, ovsdb)
        self._ovn = stack.enter_context(Ovn(ovsdb))
        self._ports = [" ".join(station(number)) for number in range(stations)]
        if stations:
            self._ovn.add(self._ports)

    def put(self, numbers: Sequence[int]) -> None:
        self._ovn.add(_joined(numbers))

    def remove(self, numbers: Sequence[int]) -> None:
        self._ovn.remove(_joined(numbers))

    def lay(self, numbers: Sequence[int]) -> None:
        """Add stations, and take their addresses when all of them are bound, as their rows show."""
        self._ports = _joined(numbers)
        self._ovn.add(self._ports)
        self.settle(len(self._ports))
        self._ovn.change_addresses("delete", {addresses: addresses for addresses in self._ports})
        self.settle(0)

    def put_macs(self, numbers: Sequence[int]) -> None:
        self._ovn.change_addresses("insert", self._places(numbers))

    def remove_macs(self, numbers: Sequence[int]) -> None:
        self._ovn.change_addresses("delete", self._places(numbers))

    def _places(self, numbers: Sequence[int]) -> dict[str, str]:
        return {
            each: self._ports[number % len(self._ports)] for number, each in zip(numbers, _joined(numbers), strict=True)
        }


@contextmanager
def _both(stations: int) -> Iterator[tuple[_Ours, _Peer]]:
    with ExitStack() as stack:
        place, zookeeper = stack.enter_context(directory()), stack.enter_context(ZooKeeper())
        fleet = Fleet(stack, place, zookeeper, stations or 100, stations=bool(stations), agent=False)
        fleet.await_views()
        switch = stack.enter_context(OvsdbServer())
        switch.add_switch("tor", ["eth1"], tunnel_ip="172.16.1.2")
        ours, peer = _Ours(stack, fleet), _Peer(stack, switch, stations)
        ours.settle(stations)
        peer.settle(stations)
        yield ours, peer


def _in_turn(rounds: int, *works: Callable[[], float], warm_up: int = 3) -> list[list[float]]:
    """Do each in turn, the first to go changing; return what each returned but in the first few rounds."""
    found: list[list[float]] = [[] for _ in works]
    for number in range(rounds + warm_up):
        for offset in range(len(works)):
            chosen = (number + offset) % len(works)
            sleep(_REST)
            found[chosen].append(works[chosen]())
    return [times[warm_up:] for times in found]


def _row(name: str, ours: Sequence[float], peer: Sequence[float], goal: Goal | None = None) -> Row:
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


def _addresses(number: int) -> tuple[str, str]:
    """Return the MAC and the IP address of a station that comes."""
    return f"02:0f:00:00:{number >> 8:02x}:{number & 0xFF:02x}", f"10.1.{number >> 8}.{number & 0xFF}"


def _joined(numbers: Sequence[int]) -> list[str]:
    """Return addresses as OVN has them."""
    return [" ".join(_addresses(number)) for number in numbers]


def _timed(work: Callable[[], None]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _write_rows(ovsdb: OvsdbServer, count: int) -> None:
    """Fill a switch with rows before the daemon starts."""
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
