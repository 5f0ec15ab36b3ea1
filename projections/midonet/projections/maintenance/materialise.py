"""Writes a view as of a position into a separate destination that no daemon writes.

The destination must be empty or the result of an earlier replay; a live view and foreign data are never changed. After
an interruption, the next run continues.
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
    """The result of a replay."""

    position: int
    views: dict[str, int]
    """Values by view."""


class _ReplayMark(Struct, frozen=True):
    """What a replay writes into a destination; recorded there first."""

    projection: str
    position: int
    hash: str
    before: int
    """The position of the earlier content, which also remains if the replay is interrupted."""


class _Destination(Protocol):
    """A destination of a replay."""

    def position(self) -> int:
        """Return the checkpoint of the view, 0 if there is none."""

    def read_mark(self) -> bytes | None:
        """Return the record of a replay, None if there is none."""

    def write_mark(self, data: bytes) -> None:
        """Write the record."""


def materialise(topology: Topology, projection: str, into: str, on_written: OnWritten = lambda _: None) -> Materialised:
    """Write a projection of a topology to a destination: `zk://HOSTS/PATH`, or an SQL database.

    `on_written` is called with the number of values written. Raises `UsageError` for a destination that cannot store
    it, `Conflict` for one with other content.
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
        f"{projection} cannot be replayed into {scheme or into!r}: nsdb can be written to zk://HOST:PORT[,…]/PATH, "
        "nsdb and vtep to sqlite:///FILE or postgresql+psycopg://…",
        into=scheme,
    )


def _into_zookeeper(topology: Topology, address: str, on_written: OnWritten) -> Materialised:
    hosts, slash, path = address.partition("/")
    root = f"/{path.strip('/')}"
    if not slash or not hosts or root == "/":
        raise UsageError("not a path in ZooKeeper such as zk://127.0.0.1:2181/scratch")
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
    """Write all values of a topology to a target; return how many values it has."""
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
    """Record the replay in the destination; refuse one with other content."""
    found = destination.read_mark()
    position = destination.position()
    if found is not None and not _is_ours(found, position):
        raise Conflict(
            f"{redact(where)} has content that no replay wrote, or that a daemon has changed since: it may be a live "
            "view; choose another destination",
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
        """Return the record of a replay; an unreadable one for a view that no replay wrote."""
        mark = self._target.read_mark()
        if mark is None:
            return b"" if self._target.peek().position else None
        return str(mark).encode()

    def write_mark(self, data: bytes) -> None:
        """Write the record."""
        self._target.write_mark(data.decode())


class _ZooKeeperDestination:
    def __init__(self, hosts: str, root: str) -> None:
        self._client = Client(hosts)
        self._root = root
        self._path = f"{root}/replay"

    def position(self) -> int:
        """Return the checkpoint of the generation that a replay writes."""
        path = f"{view_base(self._root)}/checkpoint"
        with self._client.failures():
            return decode_checkpoint(self._client.read_many([path]).get(path, b"")).position

    def read_mark(self) -> bytes | None:
        """Return the record of a replay; an unreadable one for content that no replay wrote."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            noted = self._client.read_many([self._path]).get(self._path)
            if noted is not None:
                return noted
            try:
                children = self._client.get_children(self._root)
            except NoNodeError:
                return None
            return b"" if children else None

    def write_mark(self, data: bytes) -> None:
        """Write the record."""
        with self._client.failures():
            self._client.ensure_path(self._path)
            self._client.set(self._path, data)

    def close(self) -> None:
        """Close the session."""
        self._client.close()


class _AsText:
    """A projection with keys and values converted from tuples and numbers to text and JSON."""

    def __init__(self, projection: VtepProjection) -> None:
        self.name = projection.name
        self._projection = projection
        self._keys: dict[str, Any] = {}

    def attach(self, topology: Topology) -> None:
        """As the projection's."""
        self._projection.attach(topology)
        self._keys = {key_text(key): key for key in self._projection.keys()}  # noqa: SIM118 - not a mapping

    def apply(self, changes: Any) -> Iterable[str]:
        """Not supported: a past topology does not change."""
        raise NotImplementedError

    def keys(self) -> Iterable[str]:
        """As the projection's, as text."""
        return list(self._keys)

    def render(self, key: str) -> bytes | None:
        """As the projection's, as JSON."""
        value = self._projection.render(self._keys[key]) if key in self._keys else None
        return None if value is None else canonical(value)
