"""Groups that conditions and placements name: of ports, of IP addresses and of hosts."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from midonet.events.errors import Conflict
from midonet.events.model.base import Entity, Part, View, list_verb
from midonet.events.model.fields import Id, IpAddress, OnDelete, Ref, Tenant, about


def _refuse_twice(values: Iterable[str], field: str, what: str, reason: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise Conflict(f"{what} {value} is in the group already", field=field, value=value, reason=reason)
        seen.add(value)


_Ports = tuple[Annotated[Id, Ref("port", OnDelete.CLEAR)], ...]


class PortGroup(Entity, frozen=True, kw_only=True):
    """Set of ports that conditions can name; the ports of a stateful one share the state of connections."""

    KIND = "port-group"

    tenant: Tenant | None = None
    stateful: Annotated[bool, about("Whether its ports share the state of connections.")] = False
    ports: Annotated[_Ports, about("Ports in the group.")] = ()

    def check(self, view: View) -> None:
        """A port is in the group once."""
        del view
        _refuse_twice(self.ports, "ports", "port", "port-in-group")

    @staticmethod
    def verb(changed: Mapping[str, tuple[Any, Any]]) -> str:
        """Membership has words of its own."""
        return list_verb(changed, "ports", "port")


class GroupAddress(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An IP address of a group, with the ports that have it."""

    address: Annotated[IpAddress, about("IP address.")]
    ports: Annotated[_Ports, about("Ports that have the address.")] = ()

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Read a bare address, the form of the command line."""
        return {"address": text}


class IpAddrGroup(Entity, frozen=True, kw_only=True):
    """Set of IP addresses that conditions can name."""

    KIND = "ip-addr-group"

    addresses: Annotated[tuple[GroupAddress, ...], about("Addresses, each with the ports that have it.")] = ()
    inbound_chain: Annotated[
        Id | None, Ref("chain"), about("Chain of a security group for packets from its ports.")
    ] = None
    outbound_chain: Annotated[Id | None, Ref("chain"), about("Chain of a security group for packets to its ports.")] = (
        None
    )

    def check(self, view: View) -> None:
        """Named; an address is in the group once."""
        del view
        self.check_named()
        _refuse_twice((one.address for one in self.addresses), "addresses", "address", "ip-in-group")

    @staticmethod
    def verb(changed: Mapping[str, tuple[Any, Any]]) -> str:
        """Membership has words of its own."""
        return list_verb(changed, "addresses", "address")


class HostGroup(Entity, frozen=True, kw_only=True):
    """Set of hosts on which service containers may be placed."""

    KIND = "host-group"

    hosts: Annotated[tuple[Annotated[Id, Ref("host", OnDelete.CLEAR)], ...], about("Hosts in the group.")] = ()

    def check(self, view: View) -> None:
        """A host is in the group once."""
        del view
        _refuse_twice(self.hosts, "hosts", "host", "host-in-group")

    @staticmethod
    def verb(changed: Mapping[str, tuple[Any, Any]]) -> str:
        """Membership has words of its own."""
        return list_verb(changed, "hosts", "host")
