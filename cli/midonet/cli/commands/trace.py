"""`midoctl trace`: what happens to a packet, now or at any moment."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from midonet.cli.framework.command import REF, command
from midonet.cli.framework.completion import complete_refs
from midonet.cli.options.options import READ
from midonet.cli.output import output
from midonet.cli.session.session import Session
from midonet.events.errors import InvalidValue, UsageError
from midonet.events.topology import references

if TYPE_CHECKING:
    from midonet.events.topology.topology import Topology
    from midonet.simulation.packet.packet import Packet

_NOT_DELIVERED = 7
_UUID = 36
_MARKS = {"deliver": "✓", "consume": "●"}


@command(
    "trace",
    click.Option(
        ["--from", "ingress"],
        type=REF,
        metavar="PORT",
        required=True,
        help="Port where the packet enters.",
        shell_complete=complete_refs("port"),
    ),
    click.Option(
        ["--packet"], metavar="TEXT", help="Packet as Open vSwitch writes it: tcp,nw_dst=10.0.0.2,tp_dst=443."
    ),
    click.Option(
        ["--pcap"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Trace every packet of a capture file instead.",
    ),
    click.Option(["--return", "returning"], is_flag=True, help="Trace the answer to the packet, too."),
    click.Option(["--tables"], metavar="live|none|FILE", default="none", help="Learned tables: none, or a YAML file."),
    click.Option(["--strict"], is_flag=True, help="Stop where the MAC address of a next hop is not known."),
    shared=READ,
    examples="""  midoctl trace --from web/p1 --packet "tcp,nw_dst=10.0.2.7,tp_dst=443"
  midoctl trace --from p1 --packet icmp,nw_dst=10.0.2.7 --return
  midoctl trace --from p1 --packet "tcp,nw_dst=10.0.2.7,tp_dst=443" --at 120 -o json | jq .verdict""",
)
def trace(  # noqa: PLR0913 - one parameter for each option
    session: Session, ingress: str, packet: str | None, pcap: Path | None, *, returning: bool, tables: str, strict: bool
) -> None:
    """Show what happens to a packet that enters the virtual network at a port; exit 7 if it is not delivered.

    Fields that are left out take sensible values: the source MAC address of the station behind the port, and the
    destination MAC address that it would use. Each step names the commit that last changed what decided. Ports that are
    bound count as active. A next hop whose MAC address is not known is assumed to answer, unless --strict.
    """
    from midonet.cli.commands.trace_facts import given_facts
    from midonet.simulation.network import Network
    from midonet.simulation.report import traced

    if (packet is None) == (pcap is None):
        raise UsageError("give either --packet or --pcap", option="packet")
    topology = session.state.topology()
    port = references.find_id(topology, "port", ingress)
    network, given = Network(topology), given_facts(session, topology, tables, strict=strict)
    position = topology.head.position
    reports = [
        msgspec.to_builtins(traced(network, port, one, given, position, assumed=assumed, returning=returning))
        for one, assumed in _packets(network, port, packet, pcap)
    ]
    session.output.print(
        reports[0] if pcap is None else reports,
        names=lambda: (report["verdict"] for report in reports),
        text=lambda: "\n\n".join(_text(topology, report) for report in reports),
    )
    if any(report["verdict"] != "deliver" for report in reports):
        click.get_current_context().exit(_NOT_DELIVERED)


def _packets(
    network: Any, port: str, packet: str | None, pcap: Path | None
) -> "Iterator[tuple[Packet, dict[str, str]]]":
    """Yield the packets to trace, each with what was assumed of it."""
    from midonet.simulation.trace import packet_from

    if packet is not None:
        entity = network.port(port)
        yield packet_from(network, entity, packet)
    elif pcap is not None:
        from midonet.simulation.packet.codec import decode
        from midonet.simulation.packet.pcap import frames

        found = [decode(frame) for frame in frames(pcap.read_bytes(), str(pcap))]
        if not found:
            raise InvalidValue(f"{pcap} has no packets", file=str(pcap), reason="empty")
        yield from ((one, {}) for one in found)


def _text(topology: "Topology", report: dict[str, Any]) -> str:
    """Return a trace as a list of steps, with the outcome above."""
    lines = [_headline(topology, report), ""]
    rows = [
        [step["kind"], step["name"] or step["id"][:8], _named(topology, step["text"]), str(step["position"])]
        for step in report["path"]
    ]
    lines.append(output.table(["device", "name", "what happens", "position"], rows))
    lines += [f"sends out of {_port(topology, one['port'])}: {one['packet']}" for one in report["generated"]]
    lines += [f"would ask for {wait['address']} at {_port(topology, wait['port'])}" for wait in report["waits"]]
    lines += [f"assumed: {name}={value}" for name, value in report.get("assumed", {}).items()]
    lines.append(f"rests on: {', '.join(f'{name}={value}' for name, value in report['fields'].items())}")
    for answer in report.get("return", ()):
        lines += ["", f"answer from {_port(topology, answer['from'])}:", _text(topology, answer)]
    return "\n".join(lines)


def _headline(topology: "Topology", report: dict[str, Any]) -> str:
    mark = _MARKS.get(report["verdict"], "✗")
    where = ", ".join(_port(topology, one["port"]) for one in report["outputs"])
    return f"{mark} {report['verdict']}{' at ' + where if where else ': ' + _named(topology, report['reason'])}"


def _port(topology: "Topology", port: str) -> str:
    entity = topology.find(port)
    return (entity.name if entity is not None else None) or port[:8]


def _named(topology: "Topology", text: str) -> str:
    """Replace ids by names, where objects have one."""
    return " ".join(_word(topology, word) for word in text.split(" "))


def _word(topology: "Topology", word: str) -> str:
    bare = word.rstrip(":,")
    entity = topology.find(bare) if len(bare) == _UUID else None
    return word.replace(bare, entity.name) if entity is not None and entity.name else word
