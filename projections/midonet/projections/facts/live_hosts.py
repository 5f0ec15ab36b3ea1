"""The live hosts, updated by one recursive watch, for services that act on them.

While ZooKeeper is unreachable, no host is considered dead.
"""

from collections import deque
from collections.abc import Callable

from kazoo.exceptions import NoNodeError
from kazoo.protocol.states import EventType, KazooState, WatchedEvent

from midonet.events.commit import canonical
from midonet.projections.facts.kinds import HostState, LastSeen, decode, node_of
from midonet.projections.zookeeper.client import Client

_CONNECT_SECONDS = 3.0


class LiveHosts:
    """The live hosts below `root`. `wake` is called, by any thread, when they may have changed.

    All methods are for one thread; those that read ZooKeeper raise `Unavailable`.
    """

    def __init__(self, hosts: str, root: str, wake: Callable[[], None]) -> None:
        self._root = root
        self._folder = node_of(root, HostState)
        self._client = Client(hosts)
        self._client.add_listener(self._connection_changed)
        self._wake = wake
        self._changed: deque[str] = deque()
        self._watched = False
        self._hosts: dict[str, HostState] = {}

    def refresh(self) -> dict[str, HostState]:
        """Return the live hosts by id, as reported when their agents started."""
        self._client.connect(_CONNECT_SECONDS)
        try:
            with self._client.failures():
                self._catch_up()
        except BaseException:
            self._watched = False  # changes since then are unknown: start again
            raise
        return dict(self._hosts)

    def read_now(self) -> dict[str, HostState]:
        """Return the present reports of the live hosts."""
        return self._decoded([node_of(self._root, HostState, host) for host in self.refresh()])

    def set_last_seen(self, host: str, seen: LastSeen | None) -> None:
        """Record (None: remove) when a host was last alive."""
        path, client = node_of(self._root, LastSeen, host), self._client
        with client.failures():
            try:
                if seen is None:
                    client.delete(path)
                else:
                    client.set(path, canonical(seen))
            except NoNodeError:
                if seen is not None:
                    client.create(path, canonical(seen), makepath=True)

    def close(self) -> None:
        """Close the session."""
        self._client.close()

    def _catch_up(self) -> None:
        if not self._watched:
            self._read_all()
        paths = {self._changed.popleft() for _ in range(len(self._changed))}
        if paths:
            self._read(paths)

    def _read_all(self) -> None:
        client = self._client
        self._watched = True  # before the watch, so that every later connection loss is noticed
        self._changed.clear()
        client.watch_tree(self._folder, self._node_changed)
        self._hosts = self._decoded([f"{self._folder}/{name}" for name in client.child_names(self._folder)])

    def _read(self, paths: set[str]) -> None:
        found = self._decoded(list(paths))
        for host in (path.rpartition("/")[2] for path in paths):
            self._hosts.pop(host, None)
        self._hosts |= found

    def _decoded(self, paths: list[str]) -> dict[str, HostState]:
        with self._client.failures():
            nodes = self._client.read_many(paths)
        return {path.rpartition("/")[2]: decode(HostState, data) for path, data in nodes.items()}

    def _node_changed(self, event: WatchedEvent) -> None:
        if event.type in (EventType.CREATED, EventType.DELETED) and event.path != self._folder:
            self._changed.append(event.path)
            self._wake()

    def _connection_changed(self, state: str) -> None:
        if state != KazooState.CONNECTED:
            self._watched = False
        self._wake()
