"""Services inside the network: service containers and where they are placed, and functions inserted before ports."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta

from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import DERIVED, Id, Label, Mac, OnDelete, Ref, Vlan

__all__ = [
    "L2Insertion",
    "ServiceContainer",
    "ServiceContainerGroup",
    "container_interface",
    "redirect_chain_id",
    "redirect_rule_id",
]

_NAMESPACE = UUID("6d69646f-6e65-5274-8000-696e73657274")


def redirect_chain_id(port: str, way: str) -> str:
    """Return the id of the chain that redirects what enters (`in`) or leaves (`out`) at a port."""
    return str(uuid5(_NAMESPACE, f"{port}/{way}"))


def redirect_rule_id(chain: str, insertion: str, role: str) -> str:
    """Return the id of a rule that carries out an insertion: the same whenever it is made again."""
    return str(uuid5(_NAMESPACE, f"{chain}/{insertion}/{role}"))


def container_interface(port: str) -> str:
    """Return the name of the interface by which a container's port is bound: it tells whose binding it is."""
    return f"{port.replace('-', '')[:12]}_dp"


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
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("port", "srv_port"): "insertion-exists"}
    IDENTITY = ("port", "srv_port")

    port: Annotated[Id, Ref("port", OnDelete.DELETE), Meta(description="Port whose traffic is redirected.")]
    srv_port: Annotated[Id, Ref("port", OnDelete.DELETE), Meta(description="Port of the service function.")]
    mac: Annotated[Mac, Meta(description="MAC address of the station behind the port.")]
    vlan: Annotated[Vlan, Meta(description="VLAN that marks the traffic at the function; 0 is none.")] = 0
    order: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="Place among the functions of the port (MidoNet's position).")
    ] = 0
    fail_open: Annotated[bool, Meta(description="Let traffic pass if the function is down.")] = False
    srv_rule_in: Annotated[
        Id | None, DERIVED, Ref("rule"), Meta(description="Rule that takes what the station sent back.")
    ] = None
    srv_rule_out: Annotated[
        Id | None, DERIVED, Ref("rule"), Meta(description="Rule that takes what the station gets back.")
    ] = None

    def derive(self) -> Self:
        """Name the two rules of the service function's port."""
        chain = redirect_chain_id(self.srv_port, "in")
        rules = {f"srv_rule_{way}": redirect_rule_id(chain, self.id, f"back-{way}") for way in ("in", "out")}
        return msgspec.structs.replace(self, **rules)

    def check(self, view: View) -> None:
        """Two ports of different roles, and the service function's is a bridge's."""
        if self.port == self.srv_port:
            raise InvalidValue("a port cannot be its own service function", field="srv_port", reason="same-port")
        port = view.get("port", self.srv_port)
        if port is not None and port.bridge is None:
            raise InvalidValue("srv_port must be a port of a bridge", field="srv_port", reason="not-a-bridge-port")
        for field, role, other in (("port", "srv_port", "serves"), ("srv_port", "port", "is protected by")):
            taken = next(iter(view.referrers(getattr(self, field), "l2-insertion", role)), None)
            if taken is not None:
                raise Conflict(
                    f"port {getattr(self, field)} {other} insertion {taken.id}; it cannot be both",
                    field=field,
                    other=taken.id,
                    reason="protected-and-serving",
                )
