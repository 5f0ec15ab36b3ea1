"""The ephemeral nodes of one session: created, updated, removed; never taken from a process that may still run.

A path that another session owns is left unchanged until it is free. There is one exception: if the node identifies its
process (`ProcessIdentity`), and that process has ended or is this one with an earlier session, the node is replaced at
once.
"""

from collections.abc import Mapping
from typing import NamedTuple

from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError

from midonet.events.errors import Unavailable
from midonet.projections.runtime.process_identity import decode_identity
from midonet.projections.zookeeper.client import Client


class _Held(NamedTuple):
    version: int
    data: bytes | None
    """None: another client changed it."""


class EphemeralNodes:
    """Maintains a set of ephemeral nodes; every method raises `Unavailable` if ZooKeeper does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._session = 0
        self._held: dict[str, _Held] = {}

    def holds(self, path: str) -> bool:
        """Return whether this session owned the node when it was last written or read."""
        return path in self._held

    def verify(self) -> None:
        """Read which nodes this session still owns: other clients may have removed or replaced some."""
        self._follow_session()
        client = self._client
        requests = ((path, client.exists_async(path)) for path in list(self._held))
        with client.failures():
            for path, stat in client.pipelined(requests):
                if stat is None or stat.ephemeralOwner != self._session:
                    del self._held[path]
                elif stat.version != self._held[path].version:
                    self._held[path] = _Held(stat.version, None)

    def publish(self, desired: Mapping[str, bytes]) -> dict[str, bytes]:
        """Own exactly these nodes with this data; return the data of those that another session owns."""
        self._follow_session()
        with self._client.failures():
            for path in self._held.keys() - desired.keys():
                self._delete(path, self._held.pop(path).version)
            taken = {path: self._put(path, data) for path, data in desired.items()}
        return {path: other for path, other in taken.items() if other is not None}

    def _follow_session(self) -> None:
        """Drop the nodes of an earlier session: the server removes them with it."""
        client_id = self._client.client_id
        if client_id is None:
            raise Unavailable("ZooKeeper is not connected")
        if client_id[0] != self._session:
            self._session, self._held = int(client_id[0]), {}

    def _put(self, path: str, data: bytes) -> bytes | None:
        """Own one node with this data; return its data if another session owns it."""
        while path not in self._held or self._held[path].data != data:
            if path in self._held:
                self._write(path, data)
            elif (other := self._claim(path, data)) is not None:
                return other
        return None

    def _write(self, path: str, data: bytes) -> None:
        """Change a node; one that was removed, or changed by other clients, is no longer owned."""
        try:
            written = self._client.set(path, data, self._held[path].version)
            self._held[path] = _Held(written.version, data)
        except (NoNodeError, BadVersionError):
            del self._held[path]

    def _claim(self, path: str, data: bytes) -> bytes | None:
        """Create a node or find it owned by this session; return its data if another session owns it."""
        if self._create(path, data):
            return None
        try:
            present, stat = self._client.get(path)
        except NoNodeError:  # removed since: the next call creates it
            return b""
        if stat.ephemeralOwner == self._session:
            self._held[path] = _Held(stat.version, present)
            return None
        owner = decode_identity(present)
        if owner.gone or owner.current:
            self._delete(path, stat.version)
            return None if self._create(path, data) else b""
        return bytes(present)

    def _create(self, path: str, data: bytes) -> bool:
        try:
            self._client.create(path, data, ephemeral=True, makepath=True)
        except NodeExistsError:
            return False
        self._held[path] = _Held(0, data)
        return True

    def _delete(self, path: str, version: int) -> None:
        try:
            self._client.delete(path, version)
        except (NoNodeError, BadVersionError):
            return
