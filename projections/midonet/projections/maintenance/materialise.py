"""Materialising the past: a view as of some position, in a place of its own that no daemon keeps.

A place is taken only if it is empty or was made by a replay: what is kept live, or is foreign, is never
touched. Interrupted, it goes on where it was.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, Protocol, TypeVar

import msgspec
from kazoo.exceptions import NoNodeError
from msgspec import Struct

from midonet.events.commit import canonical
from midonet.events.errors import Conflict, UsageError
from midonet.events.redaction import redact
from midonet.events.topology.topology import Topology
from midonet.projections.base import Checkpoint, Projection, Target, key_text
from midonet.projections.engine.delta_tracker import DeltaTracker
from midonet.projections.nsdb import NsdbProjection, same_document, view_base
from midonet.projections.vtep import VtepProjection
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.layout import decode_checkpoint
from midonet.projections.zookeeper.target import ZooKeeperTarget

K = TypeVar("K")
V = TypeVar("V")

_CONNECT_SECONDS = 10.0
_SQL = ("sqlite", "postgresql+psycopg")

OnWritten = Callable[[int], None]


class Materialised(Struct, frozen=True):
    """What a replay made."""

    position: int
    views: dict[str, int]
    """Values by view."""


class _ReplayMark(Struct, frozen=True):
    """What a replay sets out to make of a place; it is written there first."""

    projection: str
    position: int
    hash: str
    before: int
    """The position of what was there before, which is also there if it breaks off."""


class _Destination(Protocol):
    """Where something can be replayed into."""

    def position(self) -> int:
        """Return the checkpoint of the view there, 0 if there is none."""

    def read_mark(self) -> bytes | None:
        """Return what a replay noted there, None if none did."""

    def write_mark(self, data: bytes) -> None:
        """Note it."""


def materialise(topology: Topology, projection: str, into: str, on_written: OnWritten = lambda _: None) -> Materialised:
    """Write a projection of a topology into a place: `zk://HOSTS/PATH`, or a SQL database.

    `on_written` is told how many values have been written. Raises `UsageError` for a place that cannot hold it,
    `Conflict` for one that holds something else.
    """
    scheme, _, rest = into.partition("://")
    if scheme == "zk" and projection == "nsdb":
        return _into_zookeeper(topology, rest, on_written)
    if scheme in _SQL and projection == "nsdb":
        base = view_base("/midonet")
        return _into_sql(topology, {"nsdb": NsdbProjection(base)}, projection, into, on_written)
    if scheme in _SQL and projection == "vtep":
        views = {f"vtep/{vtep}": _AsText(VtepProjection(vtep)) for vtep in topology.all("vtep")}
        return _into_sql(topology, views, projection, into, on_written)
    raise UsageError(
        f"{projection} cannot be replayed into {scheme or into!r}: nsdb goes into zk://HOST:PORT[,…]/PATH, and both "
        "nsdb and vtep into sqlite:///FILE or postgresql+psycopg://…",
        into=scheme,
    )


def _into_zookeeper(topology: Topology, address: str, on_written: OnWritten) -> Materialised:
    hosts, slash, path = address.partition("/")
    root = f"/{path.strip('/')}"
    if not slash or not hosts or root == "/":
        raise UsageError("not a place in ZooKeeper such as zk://127.0.0.1:2181/scratch")
    with (
        closing(_ZooKeeperDestination(hosts, root)) as destination,
        closing(ZooKeeperTarget(hosts, root, on_written=on_written)) as target,
    ):
        _claim(destination, "nsdb", topology, root)
        count = _write(topology, NsdbProjection(lambda: target.base), target, same_document)
    return Materialised(topology.head.position, {"nsdb": count})


def _into_sql(
    topology: Topology, views: Mapping[str, Projection[str, bytes]], projection: str, url: str, on_written: OnWritten
) -> Materialised:
    from midonet.projections.sql import SqlTarget

    counts = {}
    for name, view in views.items():
        with closing(SqlTarget(url, name, on_written=on_written)) as target:
            _claim(_SqlDestination(target), projection, topology, url)
            counts[name] = _write(topology, view, target, operator.eq)
    return Materialised(topology.head.position, counts)


def _write(topology: Topology, projection: Projection[K, V], target: Target[K, V], same: Callable[[V, V], bool]) -> int:
    """Bring a target to the position of a topology; return how many values it holds."""
    projection.attach(topology)
    tracker = DeltaTracker(projection, same)
    checkpoint, actual = target.load()
    tracker.touch_all()
    tracker.reconcile(actual)
    delta, wanted = tracker.delta(), Checkpoint(topology.head.position, topology.head.hash)
    if delta or checkpoint != wanted:
        target.write(delta, wanted)
    return sum(1 for _ in projection.keys())  # noqa: SIM118 - not a mapping


def _claim(destination: _Destination, projection: str, topology: Topology, where: str) -> None:
    """Note what is going to be made of a place; refuse one that is not for that."""
    found = destination.read_mark()
    position = destination.position()
    if found is not None and not _is_ours(found, position):
        raise Conflict(
            f"{redact(where)} holds something that no replay made, or that a daemon keeps since then: it may be a live "
            "view; choose another place",
            reason="live-view",
        )
    head = topology.head
    destination.write_mark(canonical(_ReplayMark(projection, head.position, head.hash, position)))


def _is_ours(data: bytes, position: int) -> bool:
    try:
        mark = msgspec.json.decode(data, type=_ReplayMark)
    except msgspec.DecodeError:
        return False
    return position in (0, mark.position, mark.before)


class _SqlDestination:
    def __init__(self, target: Any) -> None:
        self._target = target

    def position(self) -> int:
        """Return the checkpoint."""
        return int(self._target.peek().position)

    def read_mark(self) -> bytes | None:
        """Return what a replay noted; nothing legible where there is a view that none made."""
        mark = self._target.read_mark()
        if mark is None:
            return b"" if self._target.peek().position else None
        return str(mark).encode()

    def write_mark(self, data: bytes) -> None:
        """Note it."""
        self._target.write_mark(data.decode())


class _ZooKeeperDestination:
    def __init__(self, hosts: str, root: str) -> None:
        self._client = Client(hosts)
        self._root = root
        self._path = f"{root}/replay"

    def position(self) -> int:
        """Return the checkpoint of the generation that a replay makes."""
        path = f"{view_base(self._root)}/checkpoint"
        with self._client.failures():
            return decode_checkpoint(self._client.read_many([path]).get(path, b"")).position

    def read_mark(self) -> bytes | None:
        """Return what a replay noted; nothing legible where there is something that none made."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            noted = self._client.read_many([self._path]).get(self._path)
            if noted is not None:
                return noted
            try:
                children = self._client.result(self._client.get_children_async(self._root))
            except NoNodeError:
                return None
            return b"" if children else None

    def write_mark(self, data: bytes) -> None:
        """Note it."""
        with self._client.failures():
            self._client.result(self._client.ensure_path_async(self._path))
            self._client.result(self._client.set_async(self._path, data))

    def close(self) -> None:
        """End the session."""
        self._client.close()


class _AsText:
    """A projection whose keys and values are tuples and numbers, as text and JSON."""

    def __init__(self, projection: VtepProjection) -> None:
        self.name = projection.name
        self._projection = projection
        self._keys: dict[str, Any] = {}

    def attach(self, topology: Topology) -> None:
        """As the projection's."""
        self._projection.attach(topology)
        self._keys = {key_text(key): key for key in self._projection.keys()}  # noqa: SIM118 - not a mapping

    def apply(self, changes: Any) -> Iterable[str]:
        """Refuse: what is past does not change."""
        raise NotImplementedError

    def keys(self) -> Iterable[str]:
        """As the projection's, as text."""
        return list(self._keys)

    def render(self, key: str) -> bytes | None:
        """As the projection's, as JSON."""
        value = self._projection.render(self._keys[key]) if key in self._keys else None
        return None if value is None else canonical(value)
