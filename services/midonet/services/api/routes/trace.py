"""`/v1/trace`: what happens to a packet."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from midonet.events.topology import references
from midonet.services.api.framework.operation import JSON, Answer, Body, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import READ
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.simulation.network import Network
from midonet.simulation.report import TraceReport, traced
from midonet.simulation.trace import Given, packet_from


class _Question(Struct, forbid_unknown_fields=True):
    ingress: Annotated[str, Meta(min_length=1, max_length=255)] = field(name="from")
    packet: Annotated[str, Meta(min_length=1, max_length=4096)]
    answer: bool = field(name="return", default=False)
    strict: bool = False


_QUESTION = {
    "type": "object",
    "properties": {
        "from": {"type": "string", "minLength": 1, "maxLength": 255, "description": "Port where the packet enters."},
        "packet": {
            "type": "string",
            "minLength": 1,
            "maxLength": 4096,
            "description": "Packet in the notation of Open vSwitch.",
        },
        "return": {"type": "boolean", "default": False, "description": "Trace the answer, too."},
        "strict": {"type": "boolean", "default": False, "description": "Wait where a MAC address is not known."},
    },
    "required": ["from", "packet"],
    "additionalProperties": False,
}


def operations() -> Iterator[Operation]:
    """Yield the operation that traces packets."""
    yield Operation(
        id="trace",
        tag="packets",
        method="POST",
        path="/v1/trace",
        help="Show what happens to a packet that enters the virtual network at a port, now or at a moment.",
        handler=_trace,
        parameters=READ,
        body=Body({JSON: _QUESTION}, "Port and packet."),
        replies={200: Reply("The trace.", {JSON: TraceReport})},
        errors=(400, 401, 404, 409, 413, 415, 422, 503),
        linearizable=True,
        slow=True,
    )


def _trace(node: Node, call: Call) -> Answer:
    asked = call.json(_Question)
    with node.long_reading(call) as topology:
        port_id = references.find_id(topology, "port", asked.ingress)
        network = Network(topology)
        port = network.port(port_id)
        assert port is not None  # noqa: S101 - find_id has found it
        packet, assumed = packet_from(network, port, asked.packet)
        found = traced(
            network,
            port_id,
            packet,
            Given(strict=asked.strict),
            topology.head.position,
            assumed=assumed,
            returning=asked.answer,
        )
    return json_answer(found)
