"""The kinds of facts: for each, where its nodes are and what is in them (docs/facts.md).

A fact is about one object of the topology and named by its id. Reading never fails: fields that a newer release added
are passed over, and what cannot be understood is the fact without its details, for the node alone says something.
Pure, and shared by those who report and those who read.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeVar

import msgspec
from msgspec import Struct


class Fact(Struct, frozen=True, kw_only=True):
    """A report about one object."""

    FOLDER: ClassVar[str] = ""
    """Where its nodes are, below `<root>/state`."""


F = TypeVar("F", bound=Fact)


class Interface(Struct, frozen=True, kw_only=True):
    """A network interface of a host, as its kernel shows it."""

    name: str
    type: Literal["physical", "virtual", "tunnel", "unknown"] = "unknown"
    mac: str | None = None
    mtu: int | None = None
    """Bytes."""
    up: bool = False
    """Whether the administrator wants it up."""
    link: bool = False
    """Whether it has a carrier, as far as its driver can tell."""
    addresses: tuple[str, ...] = ()


class HostState(Fact, frozen=True, kw_only=True):
    """The agent of a host lives (ephemeral): the machine, its process, how far it is and what interfaces there are."""

    FOLDER = "hosts"

    hostname: str | None = None
    pid: int | None = None
    version: str | None = None
    started: str | None = None
    """RFC 3339."""
    position: int = 0
    """Up to here the agent holds its part of the topology."""
    interfaces: tuple[Interface, ...] = ()
    addresses: tuple[str, ...] = ()
    """All addresses by which the host is reached from outside."""


class LastSeen(Fact, frozen=True, kw_only=True):
    """When a host's agent was last alive; kept by the cluster's service `hosts` while it is away."""

    FOLDER = "seen"

    hostname: str | None = None
    time: str | None = None
    """RFC 3339."""


class ActivePort(Fact, frozen=True, kw_only=True):
    """A port carries traffic, on this interface of this host (ephemeral)."""

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
    """The routes that were learned through a router's port, all of them (ephemeral)."""

    FOLDER = "routes"

    host: str | None = None
    routes: tuple[LearnedRoute, ...] = ()


class MemberStatus(Fact, frozen=True, kw_only=True):
    """Whether a pool member answers its health monitor, as the host sees it that probes (ephemeral)."""

    FOLDER = "members"

    host: str | None = None
    status: Literal["active", "inactive"] = "inactive"


MappingStatus = Literal[
    "active", "inactive", "pending-create", "pending-update", "pending-delete", "error"
]  # MidoNet: PoolHealthMonitorMappingStatus


class PoolStatus(Fact, frozen=True, kw_only=True):
    """How far the health monitoring of a pool is set up, at the host that does it (ephemeral)."""

    FOLDER = "pools"

    host: str | None = None
    mapping_status: MappingStatus = "inactive"
    message: str | None = None


class ContainerStatus(Fact, frozen=True, kw_only=True):
    """How a service container does, at the host where it runs (ephemeral)."""

    FOLDER = "containers"

    host: str | None = None
    status: Literal["starting", "running", "stopping", "stopped", "error"] = "stopped"
    message: str | None = None
    namespace: str | None = None
    interface: str | None = None


class Peer(Struct, frozen=True, kw_only=True):
    """Whether a host of the same tunnel zone answers, as another one sees it."""

    host: str
    address: str = ""
    state: Literal["up", "down"] = "down"
    flapping: bool = False
    """Whether it is called down for having gone down too often lately."""
    since: str | None = None
    """RFC 3339."""
    rtt_ms: float | None = None
    """Milliseconds from a probe to its answer, smoothed."""


class UnderlayHealth(Fact, frozen=True, kw_only=True):
    """Which hosts of its tunnel zones a host reaches (ephemeral)."""

    FOLDER = "health"

    peers: tuple[Peer, ...] = ()


FACTS: Mapping[str, type[Fact]] = {
    "host": HostState,
    "port": ActivePort,
    "pool": PoolStatus,
    "pool-member": MemberStatus,
    "service-container": ContainerStatus,
}
"""Kind of object → what is reported of one."""


def node_of(root: str, fact: type[Fact], object_id: str = "") -> str:
    """Return the path of a fact of an object; without an object that of the folder."""
    return f"{root}/state/{fact.FOLDER}/{object_id}".rstrip("/")


def decode(fact: type[F], data: bytes) -> F:
    """Return what a node says; the fact without details if it cannot be understood."""
    try:
        return msgspec.json.decode(data, type=fact)
    except msgspec.DecodeError:
        return fact()
