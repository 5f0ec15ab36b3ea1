"""What happens to a packet: verdict, outputs, what was read of it, and the way that it took."""

from typing import Any, NamedTuple

from midonet.simulation.facts import StateKey, Translation
from midonet.simulation.packet.packet import Packet

DELIVER, CONSUME, REJECT, WAIT, DROP, ERROR = "deliver", "consume", "reject", "wait", "drop", "error"
PRECEDENCE = (DELIVER, CONSUME, REJECT, WAIT, DROP, ERROR)
"""Which verdict a packet gets whose copies come to different ends."""


class Step(NamedTuple):
    """One decision on the way."""

    kind: str
    id: str
    """Object that decided."""
    name: str
    template: str
    values: tuple[Any, ...]
    position: int
    """Of the commit that last changed the object."""
    depth: int
    """How many copies deep: copies of a flooded packet are one deeper than the packet."""

    @property
    def text(self) -> str:
        """The decision in words."""
        return self.template.format(*self.values)


class Rewrite(NamedTuple):
    """How a packet was changed, in a form that holds for every packet with the same bits in the fields read."""

    tags: tuple[int | None, ...] = ()
    """VLAN tags pushed, None for each one removed, in order."""
    fields: tuple[tuple[int, int, int], ...] = ()
    """(field, value, mask)."""
    ttl_steps: int = 0


class Output(NamedTuple):
    """A copy of the packet that leaves the virtual network."""

    port: str
    packet: Packet
    rewrite: Rewrite


class Generated(NamedTuple):
    """A packet that a device made: it leaves the device at the port."""

    port: str
    packet: Packet


class LearnedMac(NamedTuple):
    """A station that a bridge saw."""

    bridge: str
    vlan: int
    mac: int
    port: str


class LearnedNeighbour(NamedTuple):
    """A MAC address that a router saw for an IP address."""

    router: str
    address: int
    mac: int


class Wait(NamedTuple):
    """A neighbour that has to be asked for its MAC address."""

    router: str
    port: str
    address: int


class Result(NamedTuple):
    """The outcome of a simulation."""

    verdict: str
    reason: str
    outputs: tuple[Output, ...]
    generated: tuple[Generated, ...]
    reads: tuple[int, ...]
    """Masks of the bits that the outcome rests on, by field (`packet.fields`)."""
    state: tuple[tuple[StateKey, Translation | None], ...]
    """Records of connections to keep while the flow lives."""
    learned: tuple[LearnedMac | LearnedNeighbour, ...]
    devices: tuple[str, ...]
    """Bridges and routers in the order of the way."""
    tags: frozenset[str]
    """Ids of objects whose change can change the outcome."""
    waits: tuple[Wait, ...]
    path: tuple[Step, ...]
    logs: tuple[tuple[str, str], ...]
    """(rule logger, decision): what rule loggers record of the packet."""
    traces: tuple[str, ...]
    """Trace requests that the packet meets."""

    @property
    def actions(self) -> tuple[Any, ...]:
        """What is equal for all packets that agree on the fields read."""
        return self.verdict, self.reason, tuple((output.port, output.rewrite) for output in self.outputs)
