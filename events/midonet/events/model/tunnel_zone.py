"""A tunnel zone and the addresses of its hosts."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from midonet.events.errors import Conflict
from midonet.events.model.address_checks import check_host_address
from midonet.events.model.base import Entity, Part, View, list_verb
from midonet.events.model.fields import Id, IpAddress, OnDelete, Ref, about


class Member(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host's underlay address in a tunnel zone."""

    host: Annotated[Id, Ref("host", OnDelete.CLEAR), about("Host that is a member.")]
    address: Annotated[IpAddress, about("Its underlay address.")]


class TunnelZone(Entity, frozen=True, kw_only=True):
    """Hosts that reach each other through tunnels, each with its underlay address."""

    KIND = "tunnel-zone"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("name",): "tunnel-zone-exists"}

    type: Annotated[Literal["vxlan", "gre", "vtep"], about("Overlay between hosts, or towards hardware VTEPs.")] = (
        "vxlan"
    )
    members: Annotated[tuple[Member, ...], about("Hosts with their addresses.")] = ()

    def check(self, view: View) -> None:
        """Named; a host is a member once, an address belongs to one host; VTEPs need the type vtep."""
        self.check_named()
        for member in self.members:
            check_host_address(member.address, "members")
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
