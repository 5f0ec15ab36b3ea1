"""What a simulation is given besides the topology: learned tables, the state of connections, and what is alive."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from midonet.events.model.route import Route

Connection = tuple[int, int, int, int, int]
"""Protocol, source, source port, destination, destination port; of echo messages the identifier is both ports."""


class StateKey(NamedTuple):
    """Names a record of the state of connections."""

    kind: str
    """`connection`, or the translation that it is for: `snat`, `dnat`, `rev-snat`, `rev-dnat`."""
    device: str
    connection: Connection


class Translation(NamedTuple):
    """An address and a transport port (or echo identifier) to translate to."""

    address: int
    port: int


class Tables(Protocol):
    """What devices learned from packets and from routing protocols."""

    def mac(self, bridge: str, vlan: int, mac: int) -> str | None:
        """Return the port behind which a bridge has learned a MAC address."""

    def neighbour(self, device: str, address: int) -> int | None:
        """Return the MAC address that a bridge or router has learned for an IP address."""

    def routes(self, router: str) -> Sequence[Route]:
        """Return the routes that a router has learned."""


class State(Protocol):
    """The connections that are known."""

    def has(self, key: StateKey) -> bool:
        """Return whether a connection is known."""

    def translation(self, key: StateKey) -> Translation | None:
        """Return what a connection is translated to."""

    def allocate(self, key: StateKey, address: int, ports: tuple[int, int], seed: int) -> Translation:
        """Return an unused port of a range for a new translation."""


class Liveness(Protocol):
    """What is up."""

    def port(self, port: str) -> bool:
        """Return whether the interface that a port is bound to is there and up."""

    def member(self, member: str) -> bool:
        """Return whether a member of a pool answers its health monitor."""


class NoTables:
    """Nothing was learned."""

    def mac(self, bridge: str, vlan: int, mac: int) -> str | None:
        """Return None."""
        del bridge, vlan, mac
        return None

    def neighbour(self, device: str, address: int) -> int | None:
        """Return None."""
        del device, address
        return None

    def routes(self, router: str) -> Sequence[Route]:
        """Return no routes."""
        del router
        return ()


class KnownState:
    """Connections held in memory, and ports for new ones selected by the hash of the connection."""

    def __init__(self) -> None:
        self.records: dict[StateKey, Translation | None] = {}

    def has(self, key: StateKey) -> bool:
        """Return whether a connection is known."""
        return key in self.records

    def translation(self, key: StateKey) -> Translation | None:
        """Return what a connection is translated to."""
        return self.records.get(key)

    def allocate(self, key: StateKey, address: int, ports: tuple[int, int], seed: int) -> Translation:
        """Return a port of the range by the seed; nothing is reserved."""
        del key
        first, last = ports
        return Translation(address, first + seed % (last - first + 1))


class LearnedTables:
    """Tables held in memory."""

    def __init__(self) -> None:
        self.macs: dict[tuple[str, int, int], str] = {}
        """(bridge, VLAN, MAC address) → port."""
        self.neighbours: dict[tuple[str, int], int] = {}
        """(bridge or router, IP address) → MAC address."""
        self.learned_routes: dict[str, list[Route]] = {}
        """Router → routes."""

    def mac(self, bridge: str, vlan: int, mac: int) -> str | None:
        """Return the port behind which a bridge has learned a MAC address."""
        return self.macs.get((bridge, vlan, mac))

    def neighbour(self, device: str, address: int) -> int | None:
        """Return the MAC address that a bridge or router has learned for an IP address."""
        return self.neighbours.get((device, address))

    def routes(self, router: str) -> Sequence[Route]:
        """Return the routes that a router has learned."""
        return self.learned_routes.get(router, ())


class AllAlive:
    """Everything is up."""

    def port(self, port: str) -> bool:
        """Return True."""
        del port
        return True

    def member(self, member: str) -> bool:
        """Return True."""
        del member
        return True
