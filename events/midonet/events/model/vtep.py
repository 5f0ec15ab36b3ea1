"""A hardware VTEP and its bindings."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.address_checks import check_host_address
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import Id, IpAddress, Label, OnDelete, Ref, Vlan, about


class Vtep(Entity, frozen=True, kw_only=True):
    """Hardware VTEP switch, managed through its OVSDB `hardware_vtep` database."""

    KIND = "vtep"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("management_ip", "management_port"): "vtep-exists"}

    management_ip: Annotated[IpAddress, about("Address of its OVSDB server.")]
    management_port: Annotated[int, about("TCP port of its OVSDB server.", ge=1, le=65535)] = 6632
    tunnel_zone: Annotated[
        Id | None,
        Ref("tunnel-zone", OnDelete.REFUSE, OnDelete.CLEAR),
        about("Zone of type vtep with the addresses of the hosts."),
    ] = None
    tunnel_ips: Annotated[
        tuple[IpAddress, ...],
        about("Tunnel addresses, the preferred one first; absent: those that the switch reports."),
    ] = ()
    replication: Annotated[
        Literal["service-node", "source-node"],
        about("Where broadcast is replicated: at a flooding proxy or at the switch."),
    ] = "service-node"
    bfd: Annotated[bool, about("Whether the switch monitors its tunnels with BFD (RFC 5880).")] = False

    def check(self, view: View) -> None:
        """Its tunnel zone must be of type vtep, and none of its addresses a host's."""
        self._check_addresses(view)
        zone = view.get("tunnel-zone", self.tunnel_zone) if self.tunnel_zone else None
        if zone is None:
            return
        if zone.type != "vtep":
            raise InvalidValue(
                f"tunnel zone {zone.name} is of type {zone.type}, not vtep",
                field="tunnel_zone",
                reason="not-a-vtep-tunnel-zone",
            )
        shared = {member.address for member in zone.members} & {self.management_ip, *self.tunnel_ips}
        if shared:
            raise Conflict(
                f"{min(shared)} is the address of a host in zone {zone.name}",
                field="management_ip" if self.management_ip in shared else "tunnel_ips",
                reason="vtep-has-host-ip",
            )

    def _check_addresses(self, view: View) -> None:
        """Its addresses are a host's, its management address no metadata service's, its tunnel addresses its own."""
        check_host_address(self.management_ip, "management_ip")
        if ipaddress.ip_address(self.management_ip) in _METADATA:
            raise InvalidValue(
                f"management_ip: {self.management_ip} is an IPv4 link-local address, which no switch is managed by",
                field="management_ip",
                reason="not-a-host-address",
            )
        for address in self.tunnel_ips:
            check_host_address(address, "tunnel_ips")
        for other in view.all("vtep").values():
            shared = set(self.tunnel_ips) & set(other.tunnel_ips) if other.id != self.id else set()
            if shared:
                raise Conflict(
                    f"{min(shared)} is a tunnel address of VTEP {other.name or other.id} as well",
                    field="tunnel_ips",
                    other=other.id,
                    reason="tunnel-ip-taken",
                )


_METADATA = ipaddress.ip_network("169.254.0.0/16")


class VtepBinding(Entity, frozen=True, kw_only=True):
    """Binds a VLAN of a VTEP's physical port to a bridge."""

    KIND = "vtep-binding"
    OWNER = ("vtep",)
    NESTED = "bindings"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("vtep", "physical_port", "vlan"): "vtep-port-vlan-bound"}
    IDENTITY = ("physical_port", "vlan")

    vtep: Annotated[Id, Ref("vtep", OnDelete.REFUSE, OnDelete.DELETE), about("The switch.")]
    physical_port: Annotated[Label, about("Port of the switch, as the switch names it.")]
    vlan: Annotated[Vlan, about("VLAN id on that port; 0 is untagged.")] = 0
    bridge: Annotated[Id, Ref("bridge", OnDelete.REFUSE, OnDelete.DELETE), about("Bridge that it belongs to.")]
