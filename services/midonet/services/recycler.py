"""The service `recycler`: garbage collection in ZooKeeper, at a limited rate.

The leader runs it once per interval, as MidoNet's recycler. It removes nodes of objects that are not in the topology,
leases without items, old generations and old records. It never removes an ephemeral node, a node changed within
`grace` seconds, or a node of an unknown kind.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from time import time
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Struct

from midonet.events.commit import canonical
from midonet.events.errors import Conflict, NotFound
from midonet.events.model.fields import about
from midonet.projections.zookeeper.generations import Generations
from midonet.services.cluster.coordination import Lease
from midonet.services.cluster.node_presence import decode, known_path
from midonet.services.runtime.context import Context
from midonet.services.runtime.periodic import Periodic

_OF_OBJECTS = {
    "hosts": "host",
    "seen": "host",
    "ports": "port",
    "routes": "port",
    "members": "pool-member",
    "pools": "pool",
    "containers": "service-container",
    "vteps": "vtep",
}
"""Folder of facts -> kind of the objects whose ids name its nodes (docs/facts.md)."""

_CHECK_SECONDS = 5.0
_CONNECT_SECONDS = 2.0
_DAY = 86_400.0


class Settings(Struct, frozen=True):
    """Settings below `services.recycler`."""

    interval: Annotated[float, about("Seconds between two runs.", ge=1, le=30 * _DAY)] = _DAY
    rate: Annotated[float, about("Largest number of nodes removed per second.", gt=0, le=10_000)] = 100.0
    grace: Annotated[
        float, about("Seconds without a change after which a node may be removed.", ge=0, le=30 * _DAY)
    ] = 3600.0
    forget_nodes: Annotated[
        float, about("Seconds after which the record of a cluster node that is down is removed.", ge=0)
    ] = 7 * _DAY


class _Garbage(NamedTuple):
    path: str
    version: int
    what: str


class RecyclerService(Periodic):
    """Collects garbage on the leader."""

    settings = Settings

    def __init__(self, context: Context) -> None:
        self._settings = context.config(Settings)
        super().__init__(context, min(_CHECK_SECONDS, self._settings.interval))
        self._root = context.settings.root
        self._client = context.coordination.client
        self._removed = context.metrics.counter("removed", "ZooKeeper nodes removed.", ["what"])

    def run_once(self) -> None:
        """Collect garbage if this node leads and the interval has passed."""
        lease = self.lease
        if lease is None:
            return
        self._client.connect(_CONNECT_SECONDS)
        if 0 <= time() - self._last_round() < self._settings.interval:  # a time in the future comes from a wrong clock
            return
        removed = sum(self._remove(lease, garbage) for garbage in self._garbage()) + self._prune()
        self._save_round()
        if removed:
            self.context.log(logging.INFO, "garbage collected", nodes=removed)

    # -- find garbage

    def _garbage(self) -> Iterator[_Garbage]:
        for folder, kind in _OF_OBJECTS.items():
            yield from self._stale(f"{self._root}/state/{folder}", "facts", self._is_gone(kind))
        services = f"{self._root}/state/services"
        for service in self._children(services):
            leases = f"{services}/{service}/leases"
            yield from self._stale(leases, "leases", lambda item, leases=leases: not self._children(f"{leases}/{item}"))  # type: ignore[misc]
        yield from self._gone_nodes()

    def _is_gone(self, kind: str) -> Callable[[str], bool]:
        with self.context.feed.reading() as topology:
            present = frozenset(topology.all(kind))
        return lambda name: name not in present

    def _stale(self, folder: str, what: str, is_garbage: Callable[[str], bool]) -> Iterator[_Garbage]:
        """Yield garbage in a folder: nodes that are not ephemeral and have not changed within the grace time."""
        for name in filter(is_garbage, self._children(folder)):
            path = f"{folder}/{name}"
            with self._client.failures():
                stat = self._client.exists(path)
            if stat is not None and not stat.ephemeralOwner and time() - stat.mtime / 1000 > self._settings.grace:
                yield _Garbage(path, stat.version, what)

    def _gone_nodes(self) -> Iterator[_Garbage]:
        """Yield the records of cluster nodes that have been down for long."""
        folder = known_path(self._root)
        for name in self._children(folder):
            path = f"{folder}/{name}"
            with self._client.failures():
                data, stat = self._client.get(path)
            if decode(data).get("gone") and time() - stat.mtime / 1000 > self._settings.forget_nodes:
                yield _Garbage(path, stat.version, "nodes")

    def _children(self, path: str) -> list[str]:
        with self._client.failures():
            return sorted(self._client.child_names(path))

    # -- remove it

    def _remove(self, lease: Lease, garbage: _Garbage) -> int:
        """Remove a node if it has not changed meanwhile and this node still leads; return the number removed."""
        if self.pause(1 / self._settings.rate):
            return 0
        transaction = self._client.transaction()
        lease.guard(transaction)
        transaction.delete(garbage.path, garbage.version)
        with self._client.failures():
            results = transaction.commit()
        if any(isinstance(result, Exception) for result in results):
            return 0  # it has changed, or another node leads
        self._removed.labels(garbage.what).inc()
        return 1

    def _prune(self) -> int:
        """Remove old generations of the view, unless another process works on generations."""
        with closing(Generations(self.context.settings.zookeeper, self._root)) as generations:
            try:
                with generations.exclusive(f"recycler of {self.context.node}"):
                    old = generations.prune()
            except (Conflict, NotFound):
                return 0
        self._removed.labels("generations").inc(len(old))
        return len(old)

    # -- time of the last run

    def _path(self) -> str:
        return f"{self._root}/state/services/{self.context.name}/round"

    def _last_round(self) -> float:
        with self._client.failures():
            data = self._client.read_many([self._path()]).get(self._path(), b"0")
        try:
            return msgspec.json.decode(data, type=float)
        except msgspec.DecodeError:
            return 0.0

    def _save_round(self) -> None:
        with self._client.failures():
            self._client.ensure_path(self._path())
            self._client.set(self._path(), canonical(round(time(), 3)))
