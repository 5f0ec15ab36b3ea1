"""A session with ZooKeeper as the agent uses it: persistent watches, reads with transaction numbers, short time-outs.

ZooKeeper sends a watched change before any reply that shows the change, and the thread that reads the socket adds it to
`changes` in that order. So when a reply is there, every earlier change is in `changes`. A watch ends with its
connection: after `connection` has grown, watch again and read everything again.

No call waits longer than `PATIENCE`; each raises `Unavailable` if it got no answer, and may have been carried out.
Connecting is retried without end.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kazoo.exceptions import NoNodeError
from kazoo.protocol.states import KazooState

from midonet.agent.view.documents import Node
from midonet.projections.zookeeper.client import Client

PATIENCE = 3.0
"""Seconds to wait for an answer."""


class Session:
    """One ZooKeeper session, and after it has expired the next one.

    `timeout` is in seconds; `wake` is called, on any thread, after a change and when a connection begins or ends.
    """

    def __init__(self, hosts: str, *, timeout: float, wake: Callable[[], None]) -> None:
        self.client = Client(hosts, timeout)
        self.client.handler.call_timeout = PATIENCE
        self.connection = 0
        """Number of connections so far."""
        self._changes: deque[str] = deque()
        self._wake = wake
        self.client.add_listener(self._on_state)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return bool(self.client.connected)

    @property
    def trouble(self) -> str | None:
        """Why the last TLS handshake failed, None if it did not."""
        found: str | None = self.client.handler.last_error
        return found

    def keep_connecting(self) -> None:
        """Start the thread that connects, unless it runs."""
        self.client.start_connecting()

    def watch(self, path: str) -> None:
        """Add every change of `path`, existing or not, and below it to `changes` from now on."""
        with self.client.failures():
            synced = self.client.sync_async(path)  # a server that lags behind would show an older state than before
            self.client.watch_tree(path, lambda event: self._on_change(event.path))
            synced.get()

    def changes(self) -> set[str]:
        """Return the watched paths that changed since the last call."""
        return {self._changes.popleft() for _ in range(len(self._changes))}

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, Node]]:
        """Yield what the paths hold, read in this order."""
        with self.client.failures():
            requests = ((path, self.client.get_async(path)) for path in paths)
            for path, reply in self.client.in_flight(requests):
                yield path, self._node(path, reply)

    def close(self, seconds: float) -> None:
        """End the session, and with it its ephemeral nodes; wait for that `seconds` at most.

        If the server does not answer, the nodes end when the session expires.
        """
        closing = threading.Thread(target=self.client.close, name="zookeeper-close", daemon=True)
        closing.start()
        closing.join(seconds)

    def _node(self, path: str, reply: Any) -> Node:
        try:
            data, stat = reply.get()
        except NoNodeError:
            return Node(None, self._absent_since(path))
        return Node(data, stat.mzxid)

    def _absent_since(self, path: str) -> int:
        """Return the last transaction that may have removed `path`: it changed the children of an ancestor."""
        while path != "/":
            path = path.rpartition("/")[0] or "/"
            stat = self.client.exists(path)
            if stat is not None:
                return int(stat.pzxid)
        return 0

    def _on_change(self, path: str) -> None:
        self._changes.append(path)
        self._wake()

    def _on_state(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self.connection += 1
        self._wake()
