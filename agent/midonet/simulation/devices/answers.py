"""Packets that devices make: ICMP errors, echo replies, answers to ARP requests and neighbour solicitations."""

from midonet.simulation.devices.run import Branch, Run
from midonet.simulation.header import IP4, IP6
from midonet.simulation.network import Port
from midonet.simulation.packet.build import icmp_error, may_answer_with_error
from midonet.simulation.packet.fields import DL_TYPE, IPV6

UNREACHABLE_NETWORK, UNREACHABLE_HOST, UNREACHABLE_FRAGMENT, PROHIBITED, EXPIRED = (
    "net-unreachable",
    "host-unreachable",
    "fragmentation-needed",
    "prohibited",
    "time-exceeded",
)
_CODES = {
    UNREACHABLE_NETWORK: ((3, 0), (1, 0)),
    UNREACHABLE_HOST: ((3, 1), (1, 3)),
    UNREACHABLE_FRAGMENT: ((3, 4), (2, 0)),
    PROHIBITED: ((3, 13), (1, 1)),
    EXPIRED: ((11, 0), (3, 0)),
}
"""Error → type and code of ICMP (RFC 792, RFC 1812) and of ICMPv6 (RFC 4443)."""


def error(run: Run, branch: Branch, port: Port, kind: str) -> None:
    """Send an ICMP error back out of the router port where the packet came in, if one may be sent."""
    packet = run.current(branch)
    family = packet.values[DL_TYPE]
    if family not in (IP4, IP6) or not may_answer_with_error(packet):
        return
    source = address_of(port, 6 if family == IP6 else 4)
    if source is not None:
        number, code = _CODES[kind][family == IP6]
        run.generate(port.id, icmp_error(packet, number, code, source, port.mac))
        run.step(branch, port.entity, "answers with ICMP {}", kind)


def prohibited(run: Run, branch: Branch, port: Port) -> None:
    """Send ICMP "administratively prohibited", if the packet came in through a router port."""
    into = branch.in_port or port
    if into.entity.router is not None:
        error(run, branch, into, PROHIBITED)


def address_of(port: Port, version: int) -> int | None:
    """Return the first address of a port of an IP version (4 or 6)."""
    return next((one.address for one in port.addresses if version_of(one.address) == version), None)


def version_of(address: int) -> int:
    """Return the IP version of an address: 4 or 6."""
    return 6 if address >= IPV6 else 4
