"""Host objects that live agents lack, and VTEPs that have an address of a host. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from midonet.events.commands.command import Command, Create
from midonet.events.errors import InvalidValue
from midonet.events.model import KINDS
from midonet.events.model.fields import canonical_id
from midonet.events.topology.topology import Topology
from midonet.projections.facts import HostState
from midonet.projections.facts.address_owners import owners

_SHORT = 8


class Registration(NamedTuple):
    """The creation of a host object for a live agent."""

    host: str
    name: str
    command: Command


class AddressConflict(NamedTuple):
    """A VTEP that has an address of a host; tunnels between them cannot work (MidoNet rejects such a VTEP)."""

    vtep: str
    host: str
    address: str


def registrations(topology: Topology, living: Mapping[str, HostState]) -> list[Registration]:
    """Return the host objects to create, in an order that is the same on every daemon."""
    missing = [host for host in sorted(living) if _is_id(host) and topology.get("host", host) is None]
    taken: set[str] = set()
    found = []
    for host in missing:
        name = _name(topology, host, living[host].hostname or host, taken)
        taken.add(name)
        found.append(Registration(host, name, Command("host.register", [Create("host", {"id": host, "name": name})])))
    return found


def _is_id(name: str) -> bool:
    try:
        return canonical_id(name) == name
    except ValueError:
        return False


def _name(topology: Topology, host: str, hostname: str, taken: set[str]) -> str:
    """Return the host name, made unique with a part of the id if another host has it."""
    for name in (hostname, f"{hostname}-{host[:_SHORT]}"):
        if _is_name(name) and name not in taken and not topology.named("host", name):
            return name
    return host


def _is_name(name: str) -> bool:
    try:
        KINDS["host"].fields["name"].coerce(name)
    except InvalidValue:
        return False
    return True


def address_conflicts(topology: Topology, living: Mapping[str, HostState]) -> Iterator[AddressConflict]:
    """Yield every VTEP address that a live host reports as its own."""
    owned = owners(living)
    for vtep in topology.all("vtep").values():
        for address in dict.fromkeys((vtep.management_ip, *vtep.tunnel_ips)):
            if address in owned:
                yield AddressConflict(vtep.id, owned[address], address)
