"""A session with ZooKeeper: what the agent needs of kazoo, and no more.

kazoo 2.11 has no persistent watches (ZooKeeper 3.6, ZOOKEEPER-1416), so the one request and the one event are added
here. A watched change is noted by the thread that reads the socket, in the order of the wire; and the server sends it
before any reply that shows the change. So whoever has a reply in hand finds every earlier change in `changes`, with
no barrier. A watch lives as long as its connection: watch again, and doubt all that was read, whenever `connection`
has counted on.

No call waits longer than `PATIENCE`, whatever the server does; each raises `Unavailable` when it got no answer, and
may or may not have been carried out then. Connecting is retried for ever.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, KazooException, NodeExistsError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.serialization import Watch, int_struct, write_string
from kazoo.protocol.states import KazooState

from midonet.agent.view.documents import Node
from midonet.events.errors import Unavailable
from midonet.projections.zookeeper.access_control import options
from midonet.projections.zookeeper.kazoo_connection import Reconnecting

PATIENCE = 3.0
"""Seconds that a call waits for its answer."""

_RETRY = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 2.0}
"""For ever, at first quickly, never more than about two seconds apart."""

_PIPELINE = 100
"""Requests under way: kazoo wakes its thread by a byte for each, through a socket pair that takes some 250."""

_PERSISTENT_RECURSIVE = 1


class Session:
    """One session after the other, for as long as it takes.

    `timeout` is in seconds; `wake` is called, by any thread, when something changed or the connection came or went.
    """

    def __init__(self, hosts: str, *, timeout: float, wake: Callable[[], None]) -> None:
        self.connection = 0
        """How many connections there have been."""
        self._changes: deque[str] = deque()
        self._wake = wake
        self._client = _Client(hosts, timeout, self._note_change)
        self._client.add_listener(self._note_state)

    @property
    def connected(self) -> bool:
        """Whether there is a connection at the moment."""
        return bool(self._client.connected)

    @property
    def trouble(self) -> str | None:
        """Why the last attempt to speak TLS failed, if it did."""
        found: str | None = self._client.handler.trouble
        return found

    @property
    def id(self) -> int:
        """Number of the session; `Unavailable` without a connection."""
        client_id = self._client.client_id
        if client_id is None:
            raise Unavailable("ZooKeeper is not connected")
        return int(client_id[0])

    def keep_trying(self) -> None:
        """Start to connect, unless that is under way already."""
        with _answered():
            self._client.start_unless_running()

    def watch(self, path: str) -> None:
        """Note from now on in `changes` whatever happens to `path` and below, whether it exists or not."""
        reply = self._client.handler.async_result()
        with _answered():
            # a server that lags behind catches up first, so that a new session never goes back in time
            synced = self._client.sync_async(path)
            self._client.send(_AddWatch(path, _PERSISTENT_RECURSIVE), reply)
            synced.get(timeout=PATIENCE)
            reply.get(timeout=PATIENCE)

    def changes(self) -> set[str]:
        """Return, once, the watched paths that changed."""
        return {self._changes.popleft() for _ in range(len(self._changes))}

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, Node]]:
        """Yield what the paths hold, read in this order."""
        remaining = iter(paths)
        while batch := list(islice(remaining, _PIPELINE)):
            with _answered():
                replies = [(path, self._client.get_async(path)) for path in batch]
                yield from ((path, self._node(path, reply)) for path, reply in replies)

    def create(self, path: str, data: bytes) -> bool:
        """Create an ephemeral node, and its parents as usual ones; return whether it was not there yet."""
        with _answered():
            try:
                self._client.create_async(path, data, ephemeral=True, makepath=True).get(timeout=PATIENCE)
            except NodeExistsError:
                return False
            return True

    def write(self, path: str, data: bytes, version: int) -> int | None:
        """Overwrite a node of this version; return its new version, None if it is gone or another one."""
        with _answered():
            try:
                return int(self._client.set_async(path, data, version).get(timeout=PATIENCE).version)
            except (NoNodeError, BadVersionError):
                return None

    def delete(self, path: str, version: int) -> None:
        """Remove a node if it has this version."""
        with _answered():
            try:
                self._client.delete_async(path, version).get(timeout=PATIENCE)
            except (NoNodeError, BadVersionError):
                return

    def close(self, seconds: float) -> None:
        """End the session, and with it its ephemeral nodes; give up after so many seconds.

        A server that does not answer removes the nodes itself when the session times out.
        """
        closing = threading.Thread(target=self._client.close_quietly, name="zookeeper-close", daemon=True)
        closing.start()
        closing.join(seconds)

    def _node(self, path: str, reply: Any) -> Node:
        try:
            data, stat = reply.get(timeout=PATIENCE)
        except NoNodeError:
            return Node(None, self._absent_since(path))
        return Node(data, stat.mzxid, stat.ephemeralOwner, stat.version)

    def _absent_since(self, path: str) -> int:
        """Return the last transaction that may have removed `path`: it had to change the children of an ancestor."""
        while path != "/":
            path = path.rpartition("/")[0] or "/"
            stat = self._client.exists_async(path).get(timeout=PATIENCE)
            if stat is not None:
                return int(stat.pzxid)
        return 0

    def _note_change(self, path: str) -> None:
        self._changes.append(path)
        self._wake()

    def _note_state(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self.connection += 1
        self._wake()


@contextmanager
def _answered() -> Iterator[None]:
    """Turn every way in which ZooKeeper gives no answer into `Unavailable`."""
    try:
        yield
    except (KazooException, KazooTimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"ZooKeeper does not answer: {reason}", reason=reason) from None


class _AddWatch(NamedTuple):
    """The request `addWatch`; its reply is empty."""

    path: str
    mode: int

    @property
    def type(self) -> int:
        """Operation code (org.apache.zookeeper.ZooDefs)."""
        return 106

    def serialize(self) -> bytes:
        """Return the request as it goes over the wire."""
        return bytes(write_string(self.path) + int_struct.pack(self.mode))

    @staticmethod
    def deserialize(reply: bytes, offset: int) -> bool:
        """Return that it was done: errors are in the reply's header."""
        del reply, offset
        return True


class _Connection(Reconnecting):
    """Hands a watched change on at once, before anything that follows it on the wire."""

    @property
    def running(self) -> bool:
        """Whether the thread that connects and reads is alive."""
        return self._connection_routine is not None and self._connection_routine.is_alive()

    def _read_watch_event(self, buffer: bytes, offset: int) -> None:
        self.client.on_change(Watch.deserialize(buffer, offset)[0].path)


class _Client(KazooClient):  # type: ignore[misc]  # kazoo ships no types
    """kazoo with persistent watches, and with a start that may be repeated."""

    def __init__(self, hosts: str, timeout: float, on_change: Callable[[str], None]) -> None:
        super().__init__(hosts=hosts, timeout=timeout, connection_retry=_RETRY, **options())
        self.on_change = on_change
        self._connection = _Connection(self, self._conn_retry.copy())

    def send(self, request: Any, reply: Any) -> None:
        """Send a request that kazoo does not know."""
        self._call(request, reply)

    def start_unless_running(self) -> None:
        """Start the thread that connects, unless it lives: an answer that is no ZooKeeper's may have ended it."""
        if not self._connection.running:
            self.start_async()

    def close_quietly(self) -> None:
        """Stop and free everything; a server that hangs may make that fail, and there is nothing left to do."""
        try:
            self.stop()
            self.close()
        except (KazooException, OSError):
            return
