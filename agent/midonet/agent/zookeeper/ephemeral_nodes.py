"""The ephemeral nodes by which the agent says what lives here: its host, and the ports that carry traffic.

Never takes a node away from another session: who finds the place taken waits until it is free, be the other a second
agent with the same identity or the session of a killed process that has yet to time out.

What they hold is declared in `midonet.projections.facts`. The position of a host is the one up to which the agent holds
its part of the topology, 0 before the first. An agent without changes of its own advances with the checkpoint all the
same, so that whoever waits for a position only has to compare.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from midonet.agent.host.interfaces import outward
from midonet.agent.status.status import Process
from midonet.agent.zookeeper.session import Session
from midonet.events.commit import canonical
from midonet.events.model.port import Port
from midonet.projections.facts import ActivePort, HostState, Interface

_MAX_NODE = 500_000
"""Bytes; a server drops the connection of who writes more than 1 MiB (`jute.maxbuffer`), and so a living host."""


class _Ours(NamedTuple):
    version: int
    data: bytes


class Presence:
    """Keeps a set of ephemeral nodes as they should be."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ours: dict[str, _Ours] = {}

    def holds(self, path: str) -> bool:
        """Whether a node is there and ours, as far as we know."""
        return path in self._ours

    def verify(self) -> None:
        """Look which of our nodes are still there; others may have removed them, or the session ended."""
        session = self._session.id
        nodes = self._session.read(list(self._ours))
        self._ours = {path: _Ours(node.version, node.data or b"") for path, node in nodes if node.owner == session}

    def publish(self, desired: Mapping[str, bytes]) -> dict[str, bytes]:
        """Create, update and remove nodes until there are these; return what stands where others own the place.

        Raises `Unavailable`.
        """
        for path in self._ours.keys() - desired.keys():
            self._session.delete(path, self._ours[path].version)
            del self._ours[path]
        taken = {path: self._put(path, data) for path, data in desired.items()}
        return {path: other for path, other in taken.items() if other is not None}

    def _put(self, path: str, data: bytes) -> bytes | None:
        """Make sure of one node; return what stands there if it is not ours."""
        if path not in self._ours and (other := self._claim(path, data)) is not None:
            return other
        version, present = self._ours[path]
        if present != data:
            written = self._session.write(path, data, version)
            if written is None:  # somebody removed it under our hands
                del self._ours[path]
                return self._claim(path, data)
            self._ours[path] = _Ours(written, data)
        return None

    def _claim(self, path: str, data: bytes) -> bytes | None:
        for _, node in self._session.read([path]):
            if node.data is None and self._session.create(path, data):
                self._ours[path] = _Ours(0, data)
            elif node.data is not None and node.owner == self._session.id:
                self._ours[path] = _Ours(node.version, node.data)
            else:
                return node.data or b""
        return None


def host_node(process: Process, position: int, interfaces: Sequence[Interface]) -> bytes:
    """Return what the node of a living host holds; of very many interfaces only those with addresses."""
    state = HostState(
        hostname=process.hostname,
        pid=process.pid,
        version=process.version,
        started=process.started,
        position=position,
        interfaces=tuple(interfaces),
        addresses=outward(interfaces),
    )
    node = canonical(state)
    if len(node) <= _MAX_NODE:
        return node
    addressed = tuple(interface for interface in interfaces if interface.addresses)
    node = canonical(replace(state, interfaces=addressed))
    return node if len(node) <= _MAX_NODE else canonical(replace(state, interfaces=(), addresses=()))


def port_node(port: Port) -> bytes:
    """Return what the node of an active port holds."""
    return canonical(ActivePort(host=port.host, interface=port.interface))


class _Holder(msgspec.Struct):
    hostname: str
    pid: int
    started: str


def rival(node: bytes | None) -> str | None:
    """Return who wrote a host's node, in words; None if there is none."""
    if node is None:
        return None
    try:
        holder = msgspec.json.decode(node, type=_Holder)
    except msgspec.DecodeError:
        return "somebody unknown"
    return f"process {holder.pid} on {holder.hostname}, started {holder.started}"
