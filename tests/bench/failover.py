"""Failover after SIGKILL of a node: seconds until the others have taken over, with default settings.

Three nodes share a log on Kafka. The node that writes the view dies, and a change made right after is seen in
ZooKeeper; the node that a client talks to dies, and the client's next command is acknowledged by another. The peer is
a database whose servers stand in for each other as well: the leader of three ovsdb-servers (raft) dies, and a client's
next insert is committed by the two that are left. Every clock starts before the SIGKILL.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from itertools import count
from time import perf_counter, sleep
from urllib.parse import urlsplit
from uuid import uuid4

from figures import Goal, Row, duration
from load import CONTEXT, create, opened, update
from witnesses import BareOvsdb, Nodes

from midonet.cli.session.remote_topology import RemoteStore
from midonet.events.api_client import ApiClient
from midonet.testbed import Kafka, OvsdbCluster, ZooKeeper
from midonet.testbed.cluster import ClusterDaemon

__all__ = ["failover"]

_NODES = 3
_POLL = 0.02
_PATIENCE = 60.0
_ANSWER_SECONDS = 0.5
"""After which a client of the peer asks another server."""


def failover(*, quick: bool) -> Iterator[Row]:
    """Views and commands, each beside the peer's commits."""
    with ExitStack() as stack:
        ours, peer = _Nodes(stack), _Raft(stack)
        views, commands, commits = [], [], []
        for _ in range(2 if quick else 9):
            views.append(ours.view_goes_on())
            commits.append(peer.goes_on())
            commands.append(ours.commands_go_on())
    goal = Goal("≤", 1)
    yield _row("SIGKILL of the node that writes a view → a change made after it is in the view", views, commits, goal)
    yield _row("SIGKILL of a client's API node → its next command is done by another", commands, commits, goal)


class _Nodes:
    """Three nodes, of which one at a time dies and comes back."""

    def __init__(self, stack: ExitStack) -> None:
        zookeeper, kafka = stack.enter_context(ZooKeeper()), stack.enter_context(Kafka())
        url = f"kafka://{kafka.bootstrap}/failover"
        self._store = stack.enter_context(opened(url))
        self._bridge = str(uuid4())
        self._store.execute(create("bridge", id=self._bridge, name="bridge"), CONTEXT)
        self._witness = stack.enter_context(closing(Nodes(zookeeper.hosts)))
        options = ("--log", url, "--zookeeper", zookeeper.hosts)
        self._nodes = [stack.enter_context(ClusterDaemon(*options, "--node", f"n{n}")) for n in range(_NODES)]
        self._tenants = (f"tenant-{number}" for number in count())

    def view_goes_on(self) -> float:
        """Kill the node that writes the view; return the seconds until a change is there."""
        self._await_all()
        (victim,) = self._writing()
        tenant = next(self._tenants)
        path = f"/midonet/nsdb/1/models/bridge/{self._bridge}"
        seen = self._witness.expect(path, lambda data: f'"{tenant}"'.encode() in data)
        begun = perf_counter()
        victim.kill()
        self._store.execute(update("bridge", self._bridge, tenant=tenant), CONTEXT)
        taken = seen.since(begun)
        victim.start()
        return taken

    def commands_go_on(self) -> float:
        """Kill the node that a client is connected to; return the seconds until its next command is done."""
        self._await_all()
        self._nodes = [*self._nodes[1:], self._nodes[0]]
        url = "http://" + ",".join(urlsplit(node.url).netloc for node in self._nodes)
        with closing(ApiClient(url)) as client:
            store = RemoteStore(url, client)
            store.execute(update("bridge", self._bridge, tenant=next(self._tenants)), CONTEXT)
            begun = perf_counter()
            self._nodes[0].kill()
            store.execute(update("bridge", self._bridge, tenant=next(self._tenants)), CONTEXT)
            taken = perf_counter() - begun
        self._nodes[0].start()
        return taken

    def _await_all(self) -> None:
        """Wait until all serve, and one of them, and no more, writes the view, as after some time of normal work."""
        _await(lambda: all(node.get(page)[0] == 200 for node in self._nodes for page in ("/readyz", "/v1/head")))
        _await(lambda: self._work() and len(self._writing()) == 1)

    def _work(self) -> bool:
        self._store.execute(update("bridge", self._bridge, tenant=next(self._tenants)), CONTEXT)
        sleep(0.1)
        return True

    def _writing(self) -> Sequence[ClusterDaemon]:
        return [node for node in self._nodes if _role(node) == "writing"]


def _role(node: ClusterDaemon) -> str | None:
    projections = node.status()["projections"]
    return next((each["role"] for each in projections if each["name"] == "nsdb"), None)


class _Raft:
    """Three ovsdb-servers, of which the leader dies and comes back."""

    def __init__(self, stack: ExitStack) -> None:
        self._cluster = stack.enter_context(OvsdbCluster())

    def goes_on(self) -> float:
        """Kill the leader; return the seconds until an insert is committed by the others."""
        _await(lambda: all(member.serves() for member in self._cluster.members))
        leader = self._cluster.leader()
        left = [member.tcp for member in self._cluster.members if member is not leader]
        begun = perf_counter()
        leader.kill()
        _insert(left)
        taken = perf_counter() - begun
        leader.start()
        return taken


def _insert(servers: Sequence[tuple[str, int]]) -> None:
    """Insert a row through whichever server commits it first, asking them in turn."""
    for number in count():
        with suppress(OSError, ValueError, KeyError, TypeError):
            connection = BareOvsdb(servers[number % len(servers)], seconds=_ANSWER_SECONDS)
            with closing(connection):
                row = {"name": str(uuid4())}
                done = connection.transact({"op": "insert", "table": "Logical_Switch", "row": row})
                if "uuid" in done[0] and len(done) == 1:
                    return
        sleep(_POLL)


def _await(condition: Callable[[], bool]) -> None:
    deadline = perf_counter() + _PATIENCE
    while not condition():
        if perf_counter() > deadline:
            raise TimeoutError(f"the servers were not all there after {_PATIENCE:.0f} s")
        sleep(_POLL)


def _row(name: str, ours: Sequence[float], peer: Sequence[float], goal: Goal) -> Row:
    return Row(
        name=f"{name}, vs an OVSDB cluster's next commit after its leader's SIGKILL",
        ours=_told(ours),
        peer=_told(peer),
        ratios=[one / other for one, other in zip(ours, peer, strict=True)],
        goal=goal,
    )


def _told(seconds: Sequence[float]) -> str:
    return f"{duration(sorted(seconds)[len(seconds) // 2])}, worst {duration(max(seconds))}"
