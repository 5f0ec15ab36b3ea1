"""The kinds of facts, with the paths and the content of their nodes (docs/facts.md).

A fact is about one object of the topology and named by its id. Decoding never fails: unknown fields of newer releases
are ignored, and undecodable data gives the fact without details, since the node alone has a meaning. Pure; used by
reporting and reading processes.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeVar

import msgspec
from msgspec import Struct


class Fact(Struct, frozen=True, kw_only=True):
    """A report about one object."""

    FOLDER: ClassVar[str] = ""
    """Path of its nodes, below `<root>/state`."""


F = TypeVar("F", bound=Fact)


class Interface(Struct, frozen=True, kw_only=True):
    """A network interface of a host, as its kernel shows it."""

    name: str
    type: Literal["physical", "virtual", "tunnel", "unknown"] = "unknown"
    mac: str | None = None
    mtu: int | None = None
    """Bytes."""
    up: bool = False
    """The administrative state."""
    link: bool = False
    """Whether there is a carrier, as the driver reports it."""
    addresses: tuple[str, ...] = ()


class HostState(Fact, frozen=True, kw_only=True):
    """The agent of a host is alive (ephemeral): process, position and interfaces."""

    FOLDER = "hosts"

    hostname: str | None = None
    pid: int | None = None
    version: str | None = None
    started: str | None = None
    """RFC 3339."""
    position: int = 0
    """Position of the agent's snapshot."""
    interfaces: tuple[Interface, ...] = ()
    addresses: tuple[str, ...] = ()
    """All addresses at which the host is reachable from outside."""


class LastSeen(Fact, frozen=True, kw_only=True):
    """When a host's agent was last alive; written by the cluster's service `hosts`, not ephemeral."""

    FOLDER = "seen"

    hostname: str | None = None
    time: str | None = None
    """RFC 3339."""


class ActivePort(Fact, frozen=True, kw_only=True):
    """A port is active on this interface of this host (ephemeral)."""

    FOLDER = "ports"

    host: str | None = None
    interface: str | None = None


class LearnedRoute(Struct, frozen=True, kw_only=True):
    """A route that a router learned from a neighbour."""

    dst: str
    gateway: str | None = None
    src: str = "0.0.0.0/0"
    weight: int = 100


class LearnedRoutes(Fact, frozen=True, kw_only=True):
    """All routes that were learned through a router's port (ephemeral)."""

    FOLDER = "routes"

    host: str | None = None
    routes: tuple[LearnedRoute, ...] = ()


class MemberStatus(Fact, frozen=True, kw_only=True):
    """Whether a pool member answers its health monitor, reported by the probing host (ephemeral)."""

    FOLDER = "members"

    host: str | None = None
    status: Literal["active", "inactive"] = "inactive"


MappingStatus = Literal[
    "active", "inactive", "pending-create", "pending-update", "pending-delete", "error"
]  # MidoNet: PoolHealthMonitorMappingStatus


class PoolStatus(Fact, frozen=True, kw_only=True):
    """State of the health monitoring of a pool, reported by the probing host (ephemeral)."""

    FOLDER = "pools"

    host: str | None = None
    mapping_status: MappingStatus = "inactive"
    message: str | None = None


class ContainerStatus(Fact, frozen=True, kw_only=True):
    """State of a service container, reported by its host (ephemeral)."""

    FOLDER = "containers"

    host: str | None = None
    status: Literal["starting", "running", "stopping", "stopped", "error"] = "stopped"
    message: str | None = None
    namespace: str | None = None
    interface: str | None = None


class Peer(Struct, frozen=True, kw_only=True):
    """Whether a host of the same tunnel zone answers the probes of another one."""

    host: str
    address: str = ""
    state: Literal["up", "down"] = "down"
    flapping: bool = False
    """Whether it counts as down because it went down repeatedly."""
    since: str | None = None
    """RFC 3339."""
    rtt_ms: float | None = None
    """Milliseconds from a probe to its answer, smoothed."""


class UnderlayHealth(Fact, frozen=True, kw_only=True):
    """The hosts of its tunnel zones that a host reaches (ephemeral)."""

    FOLDER = "health"

    peers: tuple[Peer, ...] = ()


FACTS: Mapping[str, type[Fact]] = {
    "host": HostState,
    "port": ActivePort,
    "pool": PoolStatus,
    "pool-member": MemberStatus,
    "service-container": ContainerStatus,
}
"""Kind of object → the facts about an object of this kind."""


def node_of(root: str, fact: type[Fact], object_id: str = "") -> str:
    """Return the path of the fact about an object; without an object, that of the folder."""
    return f"{root}/state/{fact.FOLDER}/{object_id}".rstrip("/")


def decode(fact: type[F], data: bytes) -> F:
    """Decode the data of a node; return the fact without details if the data is invalid."""
    try:
        return msgspec.json.decode(data, type=fact)
    except msgspec.DecodeError:
        return fact()
