"""Routes of a router."""

import ipaddress
from typing import Annotated, Literal, Self
from uuid import UUID, uuid5

import msgspec

from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.address_checks import IPV4, IPV6, check_gateway, one_version, version_of
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import Cidr, Id, IpAddress, OnDelete, Ref, Text, about

_NAMESPACE = UUID("6d69646f-6e65-5274-8000-6c6f63616c00")


_ANY = {4: "0.0.0.0/0", 6: "::/0"}


class Route(Entity, frozen=True, kw_only=True):
    """Route of a router: lower weight wins among equal prefixes."""

    KIND = "route"
    OWNER = ("router",)
    NESTED = "routes"
    IDENTITY = ("src", "dst", "next_hop", "port", "gateway")

    router: Annotated[Id, Ref("router", OnDelete.DELETE), about("Router that the route is on.")]
    src: Annotated[Cidr, about("Source prefix.")] = "0.0.0.0/0"
    dst: Annotated[Cidr, about("Destination prefix.")]
    next_hop: Annotated[
        Literal["port", "blackhole", "reject", "local"], about("What the route does with a packet.")
    ] = "port"
    port: Annotated[Id | None, Ref("port", OnDelete.DELETE), about("Port of the same router.")] = None
    gateway: Annotated[IpAddress | None, about("Next router; absent: the destination itself.")] = None
    weight: Annotated[int, about("Lower is preferred.", ge=0, le=2**31 - 1)] = 100
    attributes: Annotated[Text | None, about("Free text; ignored by routing.")] = None
    gateway_dhcp: Annotated[
        Id | None, Ref("dhcp-subnet", OnDelete.DELETE), about("DHCP subnet whose gateway the route leads to.")
    ] = None

    @classmethod
    def local(cls, router: str, port: str, address: str) -> "Route":
        """Return the route by which a router takes packets to one of its port's addresses as its own.

        Its id follows from the port and the address, so that it is the same whenever it is made again.
        """
        dst = _host_prefix(address)
        return cls(
            id=_local_id(port, dst),
            router=router,
            src=_ANY[6 if ":" in dst else 4],
            dst=dst,
            next_hop="local",
            port=port,
            weight=0,
        )

    @property
    def follows(self) -> str | None:
        """A LOCAL route is there as long as its port has the address."""
        mine = self.next_hop == "local" and self.port is not None and self.id == _local_id(self.port, self.dst)
        return "the addresses of its port" if mine else None

    def derive(self) -> Self:
        """An IPv6 route with the default source is for any IPv6 source."""
        if version_of(self.dst) == IPV6 and self.src == _ANY[IPV4]:
            return msgspec.structs.replace(self, src=_ANY[IPV6])
        return self

    def check(self, view: View) -> None:
        """A route through a port needs one of the same router; the others have neither port nor gateway."""
        one_version(
            (f, v) for f, v in (("dst", self.dst), ("src", self.src), ("gateway", self.gateway)) if v is not None
        )
        if self.next_hop in ("blackhole", "reject") and (self.port or self.gateway):
            raise InvalidValue(
                f"a {self.next_hop} route has neither port nor gateway", field="port", reason="not-for-this-next-hop"
            )
        if self.next_hop == "port" and self.port is None:
            raise InvalidValue("a route with next_hop port needs a port", field="port", reason="needs-port")
        port = view.get("port", self.port) if self.port else None
        if port is not None and port.router != self.router:
            raise InvalidValue(
                "the port of a route must be on the same router",
                field="port",
                port=self.port,
                reason="port-not-on-router",
            )
        if port is not None and self.gateway is not None:
            check_gateway(self.gateway, port.addresses)

    def check_step(self, old: Self | None, view: View) -> None:
        """The LOCAL routes of a port's addresses, and only these, come with the port."""
        port = view.get("port", self.port) if self.port and self.next_hop == "local" else None
        if old is not None or port is None:
            return
        if (self.follows is None) == (self.dst in map(_host_prefix, port.addresses)):
            raise Conflict(
                f"the local routes to the addresses of port {port.id} come and go with them",
                port=port.id,
                reason="follows-another",
            )


def _host_prefix(address: str) -> str:
    ip = ipaddress.ip_interface(address).ip
    return f"{ip}/{ip.max_prefixlen}"


def _local_id(port: str, dst: str) -> str:
    return str(uuid5(_NAMESPACE, f"{port}/{dst}"))
