"""Latency from a command to a ZooKeeper node, an agent and an OVSDB row; every program is a real process.

Two deployments, a small one and a large one, run side by side and are asked in turn. The clock starts when the command
is given (it is decided and made durable in this process, as by `midoctl`) and stops when a witness sees the change.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any
from uuid import uuid4

from figures import Goal, Row, duration, percentiles
from fleet import Fleet
from load import CONTEXT, bare_log, create, directory, last_commit, update
from witnesses import BareOvsdb

from midonet.testbed import ZooKeeper

__all__ = ["latency"]

_SMALL = 100
_WARM_UP = 5
_CHUNKS = 6
_REST = 0.04
"""Seconds between changes: what follows a change when it was seen already must not delay the next one, and an agent
publishes its position at most every 0.05 s."""

_FLAT = Goal("≤", 1.5)
_NEAR_THE_FLOOR = Goal("≤", 2)


def latency(*, quick: bool) -> Iterator[Row]:
    """Bindings of ports for nodes and agents, MAC entries for rows."""
    rounds, ports = (24, 1_000) if quick else (120, 10_000)
    with ExitStack() as stack:
        place, zookeeper = stack.enter_context(directory()), stack.enter_context(ZooKeeper())
        small = _Deployment(Fleet(stack, place, zookeeper, _SMALL))
        large = _Deployment(Fleet(stack, place, zookeeper, ports))
        bare = stack.enter_context(closing(_Bare(place / "bare.db", large.fleet)))
        for number in range(_WARM_UP + rounds):
            first, second = (small, large) if number % 2 else (large, small)
            for change in (first.bind, second.bind, first.add_mac, second.add_mac, bare.add_mac):
                sleep(_REST)
                change(number)
    for what, ours, less in (
        ("ZooKeeper node", large.node, small.node),
        ("agent", large.agent, small.agent),
        ("OVSDB row", large.row, small.row),
    ):
        yield _row(f"command → {what}, {ports:,} ports, vs {_SMALL} ports", ours, less, _FLAT)
    note = "bare: a durable SQLite insert of as many bytes, an OVSDB insert, until the same witness sees the row"
    yield _row(f"command → OVSDB row, {ports:,} ports, vs bare", large.row, bare.row, _NEAR_THE_FLOOR, note)


class _Deployment:
    """A deployment, and the seconds it took in each round until the change was seen."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.node: list[float] = []
        self.agent: list[float] = []
        self.row: list[float] = []
        fleet.await_views()
        self._bridge = fleet.id_of("bridge", "bridge-0")
        self._documents = fleet.documents("port", self._bridge)
        topology = fleet.store.topology
        self._ports = [port for port in self._documents if topology.get("port", port).host is not None]

    def bind(self, number: int) -> None:
        """Bind a port to another interface of its host."""
        port, interface = self._ports[number % len(self._ports)], f"bench{number}"
        node = self.fleet.nodes.expect(self._documents[port], lambda data: interface.encode() in data)
        agent = self.fleet.expect_agent(self.fleet.store.topology.head.position + 1)
        start = perf_counter()
        self.fleet.store.execute(update("port", port, interface=interface), CONTEXT)
        self.node.append(node.since(start))
        self.agent.append(agent.since(start))

    def add_mac(self, number: int) -> None:
        """Add a static MAC entry."""
        mac, port = f"02:01:00:00:{number >> 8:02x}:{number & 0xFF:02x}", self._ports[number % len(self._ports)]
        row = self.fleet.macs.expect(mac)
        start = perf_counter()
        self.fleet.store.execute(create("mac-entry", bridge=self._bridge, mac=mac, port=port), CONTEXT)
        self.row.append(row.since(start))


class _Bare:
    """The least that could be done for a row: a durable insert into SQLite, and one into the switch's database."""

    def __init__(self, file: Path, fleet: Fleet) -> None:
        self.row: list[float] = []
        self._fleet = fleet
        self._log = bare_log(file)
        self._ovsdb = BareOvsdb(fleet.ovsdb.tcp)
        self._columns = self._foreign_switch()

    def _foreign_switch(self) -> dict[str, Any]:
        """Make a logical switch of our own, beside those of the product, and a first MAC that keeps its locator."""
        locator = {"dst_ip": "172.16.2.1", "encapsulation_type": "vxlan_over_ipv4"}
        columns = {"logical_switch": ["named-uuid", "switch"], "locator": ["named-uuid", "locator"]}
        switch, place, *_ = self._ovsdb.transact(
            _insert("Logical_Switch", {"name": "bench"}, name="switch"),
            _insert("Physical_Locator", locator, name="locator"),
            _insert("Ucast_Macs_Remote", {**columns, "MAC": "02:02:00:00:00:00"}),
        )
        return {"logical_switch": switch["uuid"], "locator": place["uuid"]}

    def add_mac(self, number: int) -> None:
        """Append the bytes of the latest commit, then insert a row."""
        mac = f"02:03:00:00:{number >> 8:02x}:{number & 0xFF:02x}"
        row, body = self._fleet.macs.expect(mac), last_commit(self._fleet.store)
        start = perf_counter()
        self._log.execute("INSERT INTO commits (id, body) VALUES (?, ?)", (str(uuid4()), body))
        self._ovsdb.transact(_insert("Ucast_Macs_Remote", {**self._columns, "MAC": mac}))
        self.row.append(row.since(start))

    def close(self) -> None:
        """Disconnect."""
        self._log.close()
        self._ovsdb.close()


def _insert(table: str, row: dict[str, Any], *, name: str = "row") -> dict[str, Any]:
    return {"op": "insert", "table": table, "row": row, "uuid-name": name}


def _row(name: str, ours: Sequence[float], peer: Sequence[float], goal: Goal, note: str = "") -> Row:
    chunks = [slice(_WARM_UP + number, None, _CHUNKS) for number in range(_CHUNKS)]
    return Row(
        name=name,
        ours=_p50_p99(ours[_WARM_UP:]),
        peer=_p50_p99(peer[_WARM_UP:]),
        ratios=[median(ours[chunk]) / median(peer[chunk]) for chunk in chunks],
        goal=goal,
        note=note,
    )


def _p50_p99(seconds: Sequence[float]) -> str:
    middle, worst = percentiles(seconds)
    return f"{duration(middle)}, p99 {duration(worst)}"
