"""Views of a large network, against OVN's `ovn-northd`, and against what kazoo writes.

OVN's northbound database has as many ports, a hundred on a switch; its southbound database is to it what our views are
to the log. Debian's build, in which every change of a port computes everything anew. On either side a station with a
MAC and an IP address is behind every port, as in every network: they are two thirds of what OVN computes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any
from uuid import uuid4

from figures import Goal, Row, alternate, duration, rate
from fleet import PORTS_PER_BRIDGE, Fleet, design, station
from kazoo.client import KazooClient
from load import CONTEXT, directory, run_all, update

from midonet.events.commands.command import Command, Create, Put
from midonet.projections.base import Checkpoint
from midonet.projections.ovsdb import Client, encode_set, named_ref
from midonet.projections.zookeeper import ZooKeeperTarget
from midonet.testbed import ZooKeeper
from midonet.testbed.ovn import Northd

__all__ = ["fill_peer", "view_writes", "views"]

_FILLS = 2
"""Deployments that are only filled, besides the one that is used further."""
_REBUILDS = 3
_REST = 0.05
_IDLE = 10.0
_VALUE = b"x" * 298
_GOALS = {"worded": Goal("≤", 1 / 3), "one": Goal("≤", 0.012), "rebuild": Goal("≤", 0.5)}
"""Those of 10,000 ports; with fewer of them OVN is quicker, and we are not."""
_DATABASE = "OVN_Northbound"


def views(*, quick: bool) -> Iterator[Row]:
    """All ports at once, one port at a time, all views from the log, and a daemon that has nothing to do."""
    ports, rounds = (1_000, 8) if quick else (10_000, 20)
    goals: Mapping[str, Goal | None] = dict.fromkeys(_GOALS) if quick else _GOALS
    fills = [_filled(ports) for _ in range(_FILLS)]
    with _both() as (fleet, northd):
        fills.append((_fill(fleet, ports), fill_peer(northd, ports)))
        ours, theirs = ([pair[side] for pair in fills] for side in (0, 1))
        yield _row(f"{ports:,} ports at once → all views, vs OVN over bare JSON-RPC", ours, theirs, None)
        by_words = [_worded(ports) for _ in fills]
        yield _row(f"{ports:,} ports at once → all views, vs OVN by ovn-nbctl", ours, by_words, goals["worded"])
        _complete(fleet, ports)
        ours_each, theirs_each = _one_by_one(fleet, northd, rounds)
        yield _row(
            f"one port among {ports:,} → node of the view, vs OVN's southbound row",
            ours_each,
            theirs_each,
            goals["one"],
        )
        yield from _idle(fleet, ports)
        rebuilds = [(_rebuild(fleet), _rebuild_peer(northd)) for _ in range(_REBUILDS)]
        ours, theirs = ([pair[side] for pair in rebuilds] for side in (0, 1))
        yield _row(f"all views of {ports:,} ports from the log, vs OVN", ours, theirs, goals["rebuild"])


@contextmanager
def _both() -> Iterator[tuple[Fleet, Northd]]:
    """Run both sides, with no port yet."""
    with ExitStack() as stack:
        place, zookeeper = stack.enter_context(directory()), stack.enter_context(ZooKeeper())
        northd = stack.enter_context(Northd())
        fleet = Fleet(stack, place, zookeeper, ports=0)
        fleet.await_views()
        yield fleet, northd


def _filled(ports: int) -> tuple[float, float]:
    with _both() as (fleet, northd):
        return _fill(fleet, ports), fill_peer(northd, ports)


def _worded(ports: int) -> float:
    """Do as `fill_peer`, by the program that operators have for it."""
    with Northd() as northd, northd.resident() as nbctl:
        start = perf_counter()
        for number in range(ports // PORTS_PER_BRIDGE):
            nbctl(*_words(number), wait=False)
        nbctl("sync")
        return perf_counter() - start


def _words(number: int) -> Iterator[str]:
    yield from ("ls-add", f"switch-{number}")
    for name, addresses in _ports(number):
        yield from ("--", "lsp-add", f"switch-{number}", name, "--", "lsp-set-addresses", name, addresses)


def _ports(number: int) -> Iterator[tuple[str, str]]:
    """Yield names of the ports of a switch, and the MAC and IP address of each."""
    for each in range(PORTS_PER_BRIDGE):
        yield f"port-{number}-{each}", " ".join(station(number * PORTS_PER_BRIDGE + each))


def _row(name: str, ours: Sequence[float], peer: Sequence[float], goal: Goal | None) -> Row:
    ratios = [one / other for one, other in zip(sorted(ours), sorted(peer), strict=True)]
    middle = len(ours) // 2
    return Row(
        name=name,
        ours=duration(sorted(ours)[middle]),
        peer=duration(sorted(peer)[middle]),
        ratios=ratios,
        goal=goal,
    )


def _fill(fleet: Fleet, ports: int) -> float:
    """Add all ports, a bridge with its hundred by each command; return the seconds until the views have them."""
    bridges = [document for document in design(ports, fleet.ovsdb) if document["kind"] == "bridge"]
    sightings = fleet.expect_views(fleet.store.topology.head.position + len(bridges))
    start = perf_counter()
    for bridge in bridges:
        fleet.store.execute(_command(bridge), CONTEXT)
    return max(sighting.since(start) for sighting in sightings)


def _command(bridge: Mapping[str, Any]) -> Command:
    """Return what creates a bridge, its ports and its stations, in one commit."""
    name = bridge["name"]
    ports = [Create("port", {"bridge": name, **port}) for port in bridge["ports"]]
    macs = [Create("mac-entry", {"bridge": name, **mac, "port": f"{name}/{mac['port']}"}) for mac in bridge["macs"]]
    arps = [Create("arp-entry", {"bridge": name, **arp}) for arp in bridge["arps"]]
    return Command("apply", [Create("bridge", {"name": name}), *ports, *macs, *arps])


def _complete(fleet: Fleet, ports: int) -> None:
    """Add what else a deployment has, a VLAN of the VTEP for every bridge."""
    run_all(fleet.store, [Command("apply", [Put(design(ports, fleet.ovsdb))])])
    fleet.await_views()


def fill_peer(northd: Northd, ports: int) -> float:
    """Add all ports, a switch with a hundred by each transaction; return the seconds until the southbound has them."""
    start = perf_counter()
    with closing(Client(str(northd.north.sock), timeout=120)) as client:
        for number in range(ports // PORTS_PER_BRIDGE):
            client.transact(_DATABASE, list(_switch(number)))
    northd.nbctl("sync")
    return perf_counter() - start


def _switch(number: int) -> Iterator[dict[str, Any]]:
    for each, (name, addresses) in enumerate(_ports(number)):
        row = {"name": name, "addresses": addresses}
        yield {"op": "insert", "table": "Logical_Switch_Port", "row": row, "uuid-name": f"p{number}x{each}"}
    ports = encode_set([named_ref(f"p{number}x{each}") for each in range(PORTS_PER_BRIDGE)])
    switch = {"name": f"switch-{number}", "ports": ports}
    yield {"op": "insert", "table": "Logical_Switch", "row": switch, "uuid-name": f"s{number}"}


def _one_by_one(fleet: Fleet, northd: Northd, rounds: int) -> tuple[list[float], list[float]]:
    """Change a port: ours until a witness sees the node, OVN's until `ovn-nbctl --wait=sb` returns."""
    bridge = fleet.id_of("bridge", "bridge-0")
    documents = fleet.documents("port", bridge)
    bound = [port for port in documents if fleet.store.topology.get("port", port).host is not None]
    ours, theirs = [], []
    for number in range(rounds):
        port, interface = bound[number % len(bound)], f"bench{number}"
        sleep(_REST)
        node = fleet.nodes.expect(documents[port], partial(_holds, interface.encode()))
        start = perf_counter()
        fleet.store.execute(update("port", port, interface=interface), CONTEXT)
        ours.append(node.since(start))
        start = perf_counter()
        northd.nbctl("lsp-add", "switch-0", f"bench{number}")
        theirs.append(perf_counter() - start)
    return ours, theirs


def _holds(text: bytes, data: bytes) -> bool:
    return text in data


def _idle(fleet: Fleet, ports: int) -> Iterator[Row]:
    """Measure the processor time of an idle daemon, as a fraction of a core."""
    sleep(2)
    before = _cpu_seconds(fleet.daemon.pid)
    sleep(_IDLE)
    share = (_cpu_seconds(fleet.daemon.pid) - before) / _IDLE
    yield Row(name=f"an idle daemon with {ports:,} ports, share of a core", ours=f"{share:.2%}", note="goal: 1 %")


def _cpu_seconds(pid: int) -> float:
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / 100


def _rebuild(fleet: Fleet) -> float:
    """Start a daemon on an empty tree and an emptied switch; return the seconds until both are at the head."""
    fleet.daemon.stop()
    position = fleet.store.topology.head.position
    fleet.forget()
    sightings = fleet.expect_views(position, anew=True)
    start = perf_counter()
    fleet.daemon.start()
    return max(sighting.since(start) for sighting in sightings)


def _rebuild_peer(northd: Northd) -> float:
    """Lose the southbound database; return the seconds from the start of an empty one until all is there."""
    northd.lose_south()
    start = perf_counter()
    northd.start_south()
    northd.nbctl("sync")
    return perf_counter() - start


def view_writes(*, quick: bool) -> Iterator[Row]:
    """Bulk changes of documents by the target, against kazoo's transactions of a hundred, of as many bytes."""
    count, pairs = (1_000, 3) if quick else (5_000, 5)
    keys = [f"models/bridge/{uuid4()}" for _ in range(count)]
    with ZooKeeper() as zookeeper, closing(ZooKeeperTarget(zookeeper.hosts, "/ours")) as target:
        target.load()
        with _bare(zookeeper.hosts, count) as bare:
            found = alternate(pairs, lambda: _ours(target, keys), lambda: _theirs(bare, count))
    yield Row(
        name=f"{count:,} documents of 298 bytes → ZooKeeper, vs kazoo's multi of 100",
        ours=rate(found.ours),
        peer=rate(found.peer),
        ratios=found.faster(),
        cpu_ratios=found.faster_cpu(),
        goal=Goal("≥", 0.6),
    )


def _ours(target: ZooKeeperTarget, keys: Sequence[str]) -> int:
    value = str(process_time()).encode().ljust(len(_VALUE), b"y")
    delta: Mapping[str, bytes | None] = dict.fromkeys(keys, value)
    target.write(delta, Checkpoint(1, "1" * 64))
    return len(keys)


@contextmanager
def _bare(hosts: str, count: int) -> Iterator[KazooClient]:
    client = KazooClient(hosts)
    client.start()
    client.ensure_path("/theirs")
    for first in range(0, count, 100):
        transaction = client.transaction()
        for number in range(first, first + 100):
            transaction.create(f"/theirs/{number}", _VALUE)
        transaction.commit()
    yield client
    client.stop()
    client.close()


def _theirs(client: KazooClient, count: int) -> int:
    for first in range(0, count, 100):
        transaction = client.transaction()
        for number in range(first, first + 100):
            transaction.set_data(f"/theirs/{number}", _VALUE)
        transaction.commit()
    return count
