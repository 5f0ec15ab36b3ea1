"""The outcome of a trace as a document (contract §6): what `midoctl -o json trace` and the API print."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from midonet.simulation.header import full_mask
from midonet.simulation.network import Network
from midonet.simulation.packet.addresses import int_to_ip
from midonet.simulation.packet.format import format_field
from midonet.simulation.packet.packet import Packet
from midonet.simulation.result import Result
from midonet.simulation.trace import Given, answers, trace


class PacketAtPort(Struct, frozen=True):
    """A packet that leaves at a port."""

    port: str
    packet: str


class TraceStep(Struct, frozen=True):
    """A device, rule or route on the way; `position` is of the commit that last changed it."""

    kind: str
    id: str
    name: str | None
    text: str
    position: int


class UnknownNeighbour(Struct, frozen=True):
    """A next hop whose MAC address an agent would have to ask for."""

    router: str
    port: str
    address: str


class TraceReport(Struct, frozen=True, kw_only=True):
    """What happens to a packet."""

    packet: str
    verdict: str
    reason: str
    position: int
    """Of the topology."""
    outputs: tuple[PacketAtPort, ...]
    generated: tuple[PacketAtPort, ...]
    """Packets that devices make."""
    path: tuple[TraceStep, ...]
    fields: dict[str, str]
    """What the outcome rests on: name → value/mask."""
    waits: tuple[UnknownNeighbour, ...]
    assumed: dict[str, str] | UnsetType = UNSET
    """Fields that the text of the packet left out, with their values."""
    ingress: str | UnsetType = field(name="from", default=UNSET)
    """Port where an answer enters."""
    answers: tuple["TraceReport", ...] | UnsetType = field(name="return", default=UNSET)


def fields_of(packet: Packet, result: Result) -> dict[str, str]:
    """Return what an outcome rests on: field → value/mask."""
    values = packet.values
    read = [(index, mask & full_mask(index, values[index])) for index, mask in enumerate(result.reads)]
    return dict(format_field(index, values[index], mask) for index, mask in read if mask)


def report(packet: Packet, result: Result, position: int) -> TraceReport:
    """Return the document of an outcome."""
    return TraceReport(
        packet=repr(packet),
        verdict=result.verdict,
        reason=result.reason,
        position=position,
        outputs=tuple(PacketAtPort(one.port, repr(one.packet)) for one in result.outputs),
        generated=tuple(PacketAtPort(one.port, repr(one.packet)) for one in result.generated),
        path=tuple(TraceStep(one.kind, one.id, one.name or None, one.text, one.position) for one in result.path),
        fields=fields_of(packet, result),
        waits=tuple(UnknownNeighbour(one.router, one.port, int_to_ip(one.address)) for one in result.waits),
    )


def traced(  # noqa: PLR0913 - everything that a trace shows
    network: Network,
    ingress: str,
    packet: Packet,
    given: Given,
    position: int,
    *,
    assumed: Mapping[str, str] = MappingProxyType({}),
    returning: bool = False,
) -> TraceReport:
    """Trace a packet, and with `returning` the answers to it."""
    result = trace(network, ingress, packet, given)
    found = replace(report(packet, result, position), assumed=dict(assumed))
    if not returning:
        return found
    back = answers(network, result, given)
    return replace(found, answers=tuple(replace(report(one, end, position), ingress=port) for port, one, end in back))
