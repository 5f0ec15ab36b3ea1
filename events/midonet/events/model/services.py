"""Services inside the network: service containers and where they are placed, and functions inserted before ports."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from midonet.events.errors import InvalidValue
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import Id, Label, Mac, OnDelete, Ref, Vlan

__all__ = ["L2Insertion", "ServiceContainer", "ServiceContainerGroup"]


class ServiceContainerGroup(Entity, frozen=True, kw_only=True):
    """Service containers that are placed by one policy, on hosts of a group or anywhere."""

    KIND = "service-container-group"

    policy: Annotated[Literal["weighted", "least"], Meta(description="How a host is chosen.")] = "weighted"
    host_group: Annotated[Id | None, Ref("host-group"), Meta(description="Hosts that are allowed.")] = None
    port_group: Annotated[Id | None, Ref("port-group"), Meta(description="Ports whose hosts are allowed.")] = None


class ServiceContainer(Entity, frozen=True, kw_only=True):
    """A service that runs in a namespace of some host, behind a port."""

    KIND = "service-container"
    OWNER = ("service_group",)
    NESTED = "containers"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("port",): "port-has-container"}

    service_group: Annotated[
        Id, Ref("service-container-group", OnDelete.DELETE), Meta(description="Group that places it.")
    ]
    service_type: Annotated[Label, Meta(description="What runs in it, e.g. ipsec, haproxy or quagga.")]
    port: Annotated[Id | None, Ref("port", OnDelete.DELETE), Meta(description="Port behind which it is.")] = None
    configuration: Annotated[
        Id | None, Meta(description="Id of what it works by; what that is depends on the service.")
    ] = None


class L2Insertion(Entity, frozen=True, kw_only=True):
    """A service function that the traffic of a port goes through, lowest order first."""

    KIND = "l2-insertion"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("port", "srv_port", "vlan"): "insertion-exists"}
    IDENTITY = ("port", "srv_port", "vlan")

    port: Annotated[Id, Ref("port", OnDelete.DELETE), Meta(description="Port whose traffic is redirected.")]
    srv_port: Annotated[Id, Ref("port", OnDelete.DELETE), Meta(description="Port of the service function.")]
    mac: Annotated[Mac, Meta(description="MAC address of the station behind the port.")]
    vlan: Annotated[Vlan, Meta(description="VLAN that marks the traffic at the function; 0 is none.")] = 0
    order: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="Place among the functions of the port (MidoNet's position).")
    ] = 0
    fail_open: Annotated[bool, Meta(description="Let traffic pass if the function is down.")] = False

    def check(self, view: View) -> None:
        """Two ports, and the service function's is a bridge's."""
        if self.port == self.srv_port:
            raise InvalidValue("a port cannot be its own service function", field="srv_port", reason="same-port")
        port = view.get("port", self.srv_port)
        if port is not None and port.bridge is None:
            raise InvalidValue("srv_port must be a port of a bridge", field="srv_port", reason="not-a-bridge-port")
