"""Every kind of change in a large network: the latency of the slowest one, against that of OVN.

What an operator does has a counterpart in OVN: a switch comes, is attached to a router, a hypervisor registers. Each
is one command of ours, and one call of an `ovn-nbctl` that is resident and waits for the southbound database.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from statistics import median
from time import perf_counter, sleep

from figures import Goal, Row, duration
from fleet import Fleet
from load import CONTEXT, create, directory, run_all
from views import fill_peer

from midonet.events.commands.command import AddItem, Command, Create, Delete, Op, Update
from midonet.projections.ovsdb import Client, encode_set, named_ref
from midonet.testbed import ZooKeeper
from midonet.testbed.ovn import Northd

__all__ = ["kinds"]

_REST = 0.05
_SOUTHBOUND = "OVN_Southbound"

Change = Callable[[int], float]
"""Makes a change of one kind, told the number of the round; returns the seconds that it took."""


def kinds(*, quick: bool) -> Iterator[Row]:
    """Make a change of every kind a few times on both sides; yield the slowest kinds."""
    ports, rounds = (1_000, 3) if quick else (10_000, 7)
    with ExitStack() as stack:
        place, zookeeper = stack.enter_context(directory()), stack.enter_context(ZooKeeper())
        fleet = Fleet(stack, place, zookeeper, ports, agent=False)
        northd = stack.enter_context(Northd())
        fill_peer(northd, ports)
        peer = _Peer(stack, northd)
        run_all(fleet.store, _FIRST)
        fleet.await_views()
        ours, theirs = _measured(rounds, _ours(fleet)), _measured(rounds, peer.changes())
    slowest, peers_slowest = (max(found.values(), key=median) for found in (ours, theirs))
    yield Row(
        name=f"slowest kind of change among {ports:,} ports, vs OVN's slowest",
        ours=f"{_name(ours, slowest)} {duration(median(slowest))}",
        peer=f"{_name(theirs, peers_slowest)} {duration(median(peers_slowest))}",
        ratios=[one / other for one, other in zip(sorted(slowest), sorted(peers_slowest), strict=True)],
        goal=None if quick else Goal("≤", 0.1),
        note=f"medians of {rounds}; ours: {_listed(ours)}; OVN's: {_listed(theirs)}",
    )


def _measured(rounds: int, changes: Mapping[str, Change]) -> dict[str, list[float]]:
    """Make all changes in their order, in every round; the first round does not count."""
    found: dict[str, list[float]] = {name: [] for name in changes}
    for number in range(rounds + 1):
        for name, change in changes.items():
            sleep(_REST)
            found[name].append(change(number))
    return {name: times[1:] for name, times in found.items()}


def _name(found: Mapping[str, list[float]], times: list[float]) -> str:
    return next(name for name, others in found.items() if others is times)


def _listed(found: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{name} {duration(median(times))}" for name, times in found.items())


# -- ours

_FIRST = [
    create("router", name="edge"),
    create("port", router="edge", name="uplink", addresses=["192.0.2.1/24"]),
    create("chain", name="in"),
    create("load-balancer", name="lb"),
    create("pool", name="pool", load_balancer="lb"),
]
"""What has to be there already."""


def _attached(number: int) -> list[Op]:
    """Return what links a bridge with its hundred ports to the router, by a port on each."""
    inside = {"bridge": f"bridge-{number}", "name": f"up-{number}"}
    outside = {"router": "edge", "name": f"down-{number}", "addresses": [f"10.9.{number}.1/24"]}
    return [Create("port", inside), Create("port", {**outside, "peer": f"bridge-{number}/up-{number}"})]


def _registered(number: int) -> list[Op]:
    member = {"host": f"new-{number}", "address": f"172.17.0.{number + 1}"}
    return [Create("host", {"name": f"new-{number}"}), AddItem("tunnel-zone", "underlay", "members", member)]


_OURS: Mapping[str, Callable[[int], list[Op]]] = {
    "bridge added": lambda n: [Create("bridge", {"name": f"new-{n}"})],
    "bridge attached to a router": _attached,
    "router added": lambda n: [Create("router", {"name": f"new-{n}"})],
    "route added": lambda n: [Create("route", {"router": "edge", "dst": f"10.8.{n}.0/24", "port": "edge/uplink"})],
    "port added": lambda n: [Create("port", {"bridge": "bridge-0", "name": f"new-{n}"})],
    "port changed": lambda n: [Update("port", f"bridge-0/new-{n}", {"admin_state_up": False})],
    "rule added": lambda n: [
        Create("rule", {"chain": "in", "action": "drop", "nw_proto": "tcp", "tp_dst": f"{n + 1}"})
    ],
    "port group added": lambda n: [Create("port-group", {"name": f"group-{n}", "ports": [f"bridge-0/new-{n}"]})],
    "pool member added": lambda n: [
        Create("pool-member", {"pool": "pool", "address": f"10.0.0.{n + 2}", "protocol_port": 80})
    ],
    "host registered": _registered,
    "port deleted": lambda n: [Delete("port", f"bridge-0/new-{n}", cascade=True)],
    "bridge deleted": lambda n: [Delete("bridge", f"new-{n}")],
}


def _ours(fleet: Fleet) -> dict[str, Change]:
    """Return changes that count as made when both ZooKeeper and the switch have them."""

    def change(ops: Callable[[int], list[Op]], number: int) -> float:
        command = Command("apply", ops(number))
        sightings = fleet.expect_views(fleet.store.topology.head.position + 1)
        start = perf_counter()
        fleet.store.execute(command, CONTEXT)
        return max(sighting.since(start) for sighting in sightings)

    return {name: partial(change, ops) for name, ops in _OURS.items()}


# -- OVN's


def _peer_attached(number: int) -> str:
    inside, outside = f"up-{number}", f"down-{number}"
    return (
        f"lrp-add edge {outside} 02:01:00:00:01:{number:02x} 10.9.{number}.1/24 -- lsp-add switch-{number} {inside} -- "
        f"lsp-set-type {inside} router -- lsp-set-addresses {inside} router -- "
        f"lsp-set-options {inside} router-port={outside}"
    )


_CHASSIS = "chassis registered"
_WORDS: Mapping[str, Callable[[int], str]] = {
    "nothing (sync)": lambda _: "sync",
    "switch added": lambda n: f"ls-add new-{n}",
    "switch attached to a router": _peer_attached,
    "router added": lambda n: f"lr-add new-{n}",
    "route added": lambda n: f"lr-route-add edge 10.8.{n}.0/24 192.0.2.2",
    "port added": lambda n: f"lsp-add switch-0 new-{n}",
    "port changed": lambda n: f"lsp-set-addresses new-{n} 02:02:00:00:00:{n:02x}",
    "ACL added": lambda n: f"acl-add switch-0 from-lport {n + 1} tcp.dst=={n + 1} drop",
    "port group added": lambda n: f"pg-add group_{n} new-{n}",
    "load balancer changed": lambda n: f"--may-exist lb-add lb 192.0.2.80:80 10.0.0.{n + 2}:80",
    "port deleted": lambda n: f"lsp-del new-{n}",
    "switch deleted": lambda n: f"ls-del new-{n}",
}


class _Peer:
    """OVN, and a resident `ovn-nbctl`: a cold one would read the whole database first."""

    def __init__(self, stack: ExitStack, northd: Northd) -> None:
        self._nbctl = stack.enter_context(northd.resident())
        self._south = stack.enter_context(closing(Client(str(northd.south.sock))))
        self._call("lr-add edge -- lrp-add edge uplink 02:01:00:00:00:01 192.0.2.1/24")
        self._call("lb-add lb 192.0.2.80:80 10.0.0.1:80 -- ls-lb-add switch-0 lb")

    def changes(self) -> dict[str, Change]:
        """Return changes that count as made when the southbound database has what follows from them."""
        return {name: partial(self._change, words) for name, words in _WORDS.items()} | {_CHASSIS: self._register}

    def _change(self, words: Callable[[int], str], number: int) -> float:
        return self._call(words(number))

    def _call(self, words: str) -> float:
        start = perf_counter()
        self._nbctl(*words.split())
        return perf_counter() - start

    def _register(self, number: int) -> float:
        """Add a chassis as `ovn-controller` does, which is a client of the southbound database."""
        tunnel = {"type": "geneve", "ip": f"172.17.0.{number + 1}", "chassis_name": f"new-{number}"}
        chassis = {"name": f"new-{number}", "hostname": f"new-{number}", "encaps": encode_set([named_ref("tunnel")])}
        inserts = [
            {"op": "insert", "table": "Encap", "row": tunnel, "uuid-name": "tunnel"},
            {"op": "insert", "table": "Chassis", "row": chassis},
        ]
        start = perf_counter()
        self._south.transact(_SOUTHBOUND, inserts)
        return perf_counter() - start + self._call("sync")
