"""The physical side: hosts, tunnel zones between them, hardware VTEPs and what is bound to their ports."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.base import Entity, Part, View, list_verb
from midonet.events.model.fields import Id, IpAddress, Label, OnDelete, Ref, Vlan

__all__ = ["Host", "Member", "TunnelZone", "Vtep", "VtepBinding"]


class Host(Entity, frozen=True, kw_only=True):
    """Hypervisor or gateway that runs an agent."""

    KIND = "host"

    flooding_proxy_weight: Annotated[
        int, Meta(ge=0, le=65535, description="Chance to be the flooding proxy of a zone; 0 is never.")
    ] = 1
    container_weight: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="Chance to get a service container; 0 is never.")
    ] = 1
    container_limit: Annotated[
        int, Meta(ge=-1, le=2**31 - 1, description="Most service containers that it should get; -1 is no limit.")
    ] = -1
    enforce_container_limit: Annotated[
        bool, Meta(description="Whether the limit holds even if all hosts reach it.")
    ] = False


class Member(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host's underlay address in a tunnel zone."""

    host: Annotated[Id, Ref("host", OnDelete.CLEAR)]
    address: IpAddress


class TunnelZone(Entity, frozen=True, kw_only=True):
    """Hosts that reach each other through tunnels, each with its underlay address."""

    KIND = "tunnel-zone"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("name",): "tunnel-zone-exists"}

    type: Annotated[
        Literal["vxlan", "gre", "vtep"], Meta(description="Overlay between hosts, or towards hardware VTEPs.")
    ] = "vxlan"
    members: Annotated[tuple[Member, ...], Meta(description="Hosts with their addresses.")] = ()

    def check(self, view: View) -> None:
        """Named; a host is a member once, an address belongs to one host; VTEPs need the type vtep."""
        self.check_named()
        for part in ("host", "address"):
            seen: set[str] = set()
            for value in (getattr(member, part) for member in self.members):
                if value in seen:
                    details = {part: value, "reason": "in-tunnel-zone"}
                    raise Conflict(f"{part} {value} is in the zone twice", field="members", **details)
                seen.add(value)
        for vtep in view.referrers(self.id, "vtep", "tunnel_zone"):
            vtep.check(view)

    @staticmethod
    def verb(changed: Mapping[str, tuple[Any, Any]]) -> str:
        """Membership has words of its own."""
        return list_verb(changed, "members", "member")


class Vtep(Entity, frozen=True, kw_only=True):
    """Hardware VTEP switch, managed through its OVSDB `hardware_vtep` database."""

    KIND = "vtep"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("management_ip", "management_port"): "vtep-exists"}

    management_ip: Annotated[IpAddress, Meta(description="Address of its OVSDB server.")]
    management_port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of its OVSDB server.")] = 6632
    tunnel_zone: Annotated[
        Id | None,
        Ref("tunnel-zone", OnDelete.REFUSE, OnDelete.CLEAR),
        Meta(description="Zone of type vtep with the hosts' addresses towards it."),
    ] = None
    tunnel_ips: Annotated[
        tuple[IpAddress, ...],
        Meta(
            description="Its own tunnel addresses, the preferred one first; what the switch says where there is none."
        ),
    ] = ()
    replication: Annotated[
        Literal["service-node", "source-node"],
        Meta(description="Who copies broadcast: a flooding proxy for the switch, or the switch itself."),
    ] = "service-node"
    bfd: Annotated[bool, Meta(description="Whether the switch watches its tunnels with BFD (RFC 5880).")] = False

    def check(self, view: View) -> None:
        """Its tunnel zone must be of type vtep, and none of its addresses a host's."""
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


class VtepBinding(Entity, frozen=True, kw_only=True):
    """A VLAN of a VTEP's physical port that belongs to a bridge."""

    KIND = "vtep-binding"
    OWNER = ("vtep",)
    NESTED = "bindings"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("vtep", "physical_port", "vlan"): "vtep-port-vlan-bound"}
    IDENTITY = ("physical_port", "vlan")

    vtep: Annotated[Id, Ref("vtep", OnDelete.REFUSE, OnDelete.DELETE), Meta(description="The switch.")]
    physical_port: Annotated[Label, Meta(description="Port of the switch, as the switch names it.")]
    vlan: Annotated[Vlan, Meta(description="VLAN id on that port; 0 is untagged.")] = 0
    bridge: Annotated[
        Id, Ref("bridge", OnDelete.REFUSE, OnDelete.DELETE), Meta(description="Bridge that it belongs to.")
    ]
