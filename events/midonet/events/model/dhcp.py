"""What bridges serve by DHCP (RFC 2131) and, stored only, by DHCPv6."""

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.address_checks import check_gateway, check_host_address, check_member
from midonet.events.model.base import Entity, Part, View
from midonet.events.model.fields import Cidr4, Cidr6, Id, Ip4Address, Ip6Address, Label, Mac, OnDelete, Ref, Text, about


class DhcpRoute(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A classless static route sent to clients (option 121, RFC 3442)."""

    destination: Annotated[Cidr4, about("Destination prefix.")]
    gateway: Annotated[Ip4Address, about("Next hop.")]


class DhcpOption(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further option for one client, by name or number."""

    name: Annotated[Label, about("Name or number of the option.")]
    value: Annotated[Text, about("Value of the option.")]


class DhcpHost(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client with the address that it gets."""

    mac: Annotated[Mac, about("MAC address of the client.")]
    address: Annotated[Ip4Address, about("Address of the client.")]
    name: Annotated[Label | None, about("Name of the client.")] = None
    options: Annotated[tuple[DhcpOption, ...], about("Further options of the client.")] = ()


def _refuse_twice(values: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise Conflict(f"there are two hosts with the {what} {value}", field="hosts", reason="dhcp-host-exists")
        seen.add(value)


class DhcpSubnet(Entity, frozen=True, kw_only=True):
    """IPv4 subnet on a bridge, with DHCP for its clients."""

    KIND = "dhcp-subnet"
    OWNER = ("bridge",)
    NESTED = "dhcp_subnets"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("bridge", "subnet"): "dhcp-subnet-exists"}
    IDENTITY = ("subnet",)

    bridge: Annotated[Id, Ref("bridge", OnDelete.DELETE), about("Bridge of the subnet.")]
    subnet: Annotated[Cidr4, about("Prefix of the addresses.")]
    enabled: Annotated[bool, about("Whether clients are answered.")] = True
    server_address: Annotated[Ip4Address | None, about("Address that the DHCP server answers from.")] = None
    gateway: Annotated[Ip4Address | None, about("Default gateway (option 3).")] = None
    dns_servers: Annotated[tuple[Ip4Address, ...], about("Name servers (option 6).")] = ()
    interface_mtu: Annotated[int, about("MTU of the clients (option 26).", ge=0, le=65535)] | None = None
    routes: Annotated[tuple[DhcpRoute, ...], about("Classless static routes (option 121).")] = ()
    hosts: Annotated[tuple[DhcpHost, ...], about("Clients with the addresses that they get.")] = ()
    router_port: Annotated[Id | None, Ref("port", OnDelete.CLEAR), about("Router port that is the gateway.")] = None

    def check(self, view: View) -> None:
        """A client and an address are there once; the gateway's port is a router's."""
        _refuse_twice((host.mac for host in self.hosts), "MAC address")
        _refuse_twice((host.address for host in self.hosts), "address")
        self._check_addresses()
        port = view.get("port", self.router_port) if self.router_port else None
        if port is not None and port.router is None:
            raise InvalidValue(
                "router_port must be a port of a router", field="router_port", reason="not-a-router-port"
            )

    def _check_addresses(self) -> None:
        """Gateway and clients have addresses of the subnet; servers and name servers are hosts."""
        subnet = str(self.subnet)
        if self.gateway is not None:
            check_gateway(self.gateway, [subnet])
        for field, address in (
            ("server_address", self.server_address),
            *(("dns_servers", ip) for ip in self.dns_servers),
        ):
            if address is not None:
                check_host_address(address, field)
        for host in self.hosts:
            check_member(host.address, subnet, "hosts")


class Dhcpv6Host(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A DHCPv6 client with the address that it gets."""

    client_id: Annotated[Label, about("DUID of the client.")]
    address: Annotated[Ip6Address, about("Address of the client.")]
    name: Annotated[Label | None, about("Name of the client.")] = None


class Dhcpv6Subnet(Entity, frozen=True, kw_only=True):
    """IPv6 subnet with the clients of a bridge; stored only, no DHCPv6 server is included."""

    KIND = "dhcpv6-subnet"
    OWNER = ("bridge",)
    NESTED = "dhcpv6_subnets"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("bridge", "subnet"): "dhcp-subnet-exists"}
    IDENTITY = ("subnet",)

    bridge: Annotated[Id, Ref("bridge", OnDelete.DELETE), about("Bridge of the subnet.")]
    subnet: Annotated[Cidr6, about("Prefix of the addresses.")]
    hosts: Annotated[tuple[Dhcpv6Host, ...], about("Clients with the addresses that they get.")] = ()

    def check(self, view: View) -> None:
        """A client and an address are there once."""
        del view
        _refuse_twice((host.client_id for host in self.hosts), "client id")
        _refuse_twice((host.address for host in self.hosts), "address")
        for host in self.hosts:
            check_member(host.address, self.subnet, "hosts")
