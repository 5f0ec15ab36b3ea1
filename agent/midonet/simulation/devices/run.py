"""One simulation while it runs: its branches, and what has been found so far."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from midonet.simulation.facts import Connection, Liveness, State, StateKey, Tables, Translation
from midonet.simulation.header import Header
from midonet.simulation.network import Network, Port
from midonet.simulation.packet.fields import NW_TTL, VLAN
from midonet.simulation.packet.packet import Packet
from midonet.simulation.packet.rewrite import pop_vlan, push_vlan, rewrite
from midonet.simulation.result import (
    DELIVER,
    PRECEDENCE,
    Generated,
    LearnedMac,
    LearnedNeighbour,
    Output,
    Result,
    Rewrite,
    Step,
    Wait,
)

MAX_DEVICES = 12
"""Devices that a packet may traverse (MidoNet)."""
ENTER, LEAVE = "enter", "leave"


class Branch:
    """One copy of the packet on its way."""

    __slots__ = ("depth", "device", "header", "in_port", "out_port", "rewritten", "traversed")

    def __init__(self, header: Header, traversed: tuple[str, ...] = (), depth: int = 0) -> None:
        self.header = header
        self.traversed = traversed
        """Bridges and routers that it has been in."""
        self.depth = depth
        self.device = ""
        self.in_port: Port | None = None
        """Port where it entered the current device."""
        self.out_port: Port | None = None
        self.rewritten = False
        """Whether the current device has translated its destination."""

    def fork(self) -> "Branch":
        """Return a copy that goes its own way."""
        new = Branch(self.header.copy(), self.traversed, self.depth + 1)
        new.device, new.in_port, new.rewritten = self.device, self.in_port, self.rewritten
        return new


class Facts(NamedTuple):
    """What the simulation is given besides packet and topology."""

    tables: Tables
    state: State
    alive: Liveness
    strict: bool
    """Whether a packet waits for an unknown neighbour; else it goes on as if that had answered."""


class Run:
    """Work to do, and findings."""

    def __init__(self, packet: Packet, network: Network, facts: Facts) -> None:
        self.packet = packet
        self.network = network
        self.tables, self.state, self.alive, self.strict = facts
        self.work: list[tuple[Branch, str, str]] = []
        self.ends: list[tuple[str, str]] = []
        """(verdict, reason) of each branch."""
        self.outputs: list[Output] = []
        self.generated: list[Generated] = []
        self.kept: dict[StateKey, Translation | None] = {}
        self.learned: list[LearnedMac | LearnedNeighbour] = []
        self.devices: list[str] = []
        self.tags: set[str] = set()
        self.waits: list[Wait] = []
        self.path: list[Step] = []
        self.logs: list[tuple[str, str]] = []
        self.traces: list[str] = []

    def enter(self, branch: Branch, port: str) -> None:
        """Let a branch enter the device of a port next."""
        self.work.append((branch, ENTER, port))

    def leave(self, branch: Branch, port: str) -> None:
        """Let a branch leave its device at a port next."""
        self.work.append((branch, LEAVE, port))

    def end(self, verdict: str, reason: str) -> None:
        """End a branch."""
        self.ends.append((verdict, reason))

    def step(self, branch: Branch, entity: Any, template: str, *values: Any) -> None:
        """Add a step to the path; a change of the object can change the outcome."""
        self.tags.add(entity.id)
        self.path.append(
            Step(entity.KIND, entity.id, entity.name or "", template, values, entity.position, branch.depth)
        )

    def output(self, branch: Branch, port: str) -> None:
        """Let a branch leave the virtual network."""
        change = rewrite_of(branch.header)
        self.outputs.append(Output(port, rewritten(self.packet, branch.header, change), change))
        self.end(DELIVER, "delivered")

    def current(self, branch: Branch) -> Packet:
        """Return the packet as a branch has it."""
        return rewritten(self.packet, branch.header, rewrite_of(branch.header))

    def generate(self, port: str, packet: Packet) -> None:
        """Add a packet that a device sends out at a port."""
        self.generated.append(Generated(port, packet))

    def result(self) -> Result:
        """Return what was found."""
        verdict, reason = min(self.ends, key=lambda end: PRECEDENCE.index(end[0]))
        reads = tuple(self.reads)
        parts: Sequence[Any] = (self.outputs, self.generated)
        outputs, generated = map(tuple, parts)
        return Result(
            verdict,
            reason,
            outputs,
            generated,
            reads,
            tuple(self.kept.items()),
            tuple(self.learned),
            tuple(self.devices),
            frozenset(self.tags),
            tuple(self.waits),
            tuple(self.path),
            tuple(self.logs),
            tuple(self.traces),
        )

    reads: list[int]


class Asked:
    """What conditions can ask of a branch in its current device (`match.classifier.Context`)."""

    __slots__ = ("branch", "run")

    def __init__(self, run: Run, branch: Branch) -> None:
        self.run = run
        self.branch = branch

    def ids(self, term: str) -> Sequence[str]:
        """Return the ids that a term is compared with."""
        into, out = self.branch.in_port, self.branch.out_port
        if term == "in_ports":
            return (into.id,) if into is not None else ()
        if term == "out_ports":
            return (out.id,) if out is not None else ()
        if term == "traversed_device":
            return self.branch.traversed
        group_of = out if term == "out_port_group" else into
        return group_of.groups if group_of is not None else ()

    @property
    def rewritten(self) -> bool:
        """Whether the current device has translated the destination."""
        return self.branch.rewritten

    def is_return_flow(self) -> bool:
        """Return whether the connection is known from its other direction; a new one is kept."""
        run, device = self.run, self.branch.device
        connection = self.branch.header.read_connection()
        if run.state.has(StateKey("connection", device, connection)):
            return True
        run.kept[StateKey("connection", device, backwards(connection))] = None
        return False


def backwards(connection: Connection) -> Connection:
    """Return the other direction of a connection."""
    proto, src, src_port, dst, dst_port = connection
    return proto, dst, dst_port, src, src_port


def rewrite_of(header: Header) -> Rewrite:
    """Return how a header was changed."""
    return Rewrite(header.tags, header.changes(), header.ttl_steps)


def rewritten(packet: Packet, header: Header, change: Rewrite) -> Packet:
    """Return the packet with the changes of a header."""
    for tag in change.tags:
        packet = pop_vlan(packet) if tag is None else push_vlan(packet, tag)
    fields = {field: header.values[field] for field, _, _ in change.fields if header.values[field] >= 0}
    if change.ttl_steps:
        fields[NW_TTL] = header.values[NW_TTL]
    fields.pop(VLAN, None)
    return rewrite(packet, fields) if fields else packet
