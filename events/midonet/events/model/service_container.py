"""Service containers and their groups."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from midonet.events.model.base import Entity
from midonet.events.model.fields import Id, Label, OnDelete, Ref, about


def container_interface(port: str) -> str:
    """Return the name of the interface by which a container's port is bound: it tells whose binding it is."""
    return f"{port.replace('-', '')[:12]}_dp"


class ServiceContainerGroup(Entity, frozen=True, kw_only=True):
    """Service containers with one placement policy, on the hosts of a group or on all hosts."""

    KIND = "service-container-group"

    policy: Annotated[Literal["weighted", "least"], about("How a host is selected.")] = "weighted"
    host_group: Annotated[Id | None, Ref("host-group"), about("Hosts that are allowed.")] = None
    port_group: Annotated[Id | None, Ref("port-group"), about("Ports whose hosts are allowed.")] = None


class ServiceContainer(Entity, frozen=True, kw_only=True):
    """Service that runs in a network namespace of a host, behind a port."""

    KIND = "service-container"
    OWNER = ("service_group",)
    NESTED = "containers"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("port",): "port-has-container"}

    service_group: Annotated[Id, Ref("service-container-group", OnDelete.DELETE), about("Group that it belongs to.")]
    service_type: Annotated[Label, about("Type of the service, e.g. ipsec, haproxy or quagga.")]
    port: Annotated[Id | None, Ref("port", OnDelete.DELETE), about("Port of the container.")] = None
    configuration: Annotated[Id | None, about("Id of its configuration object; the type depends on the service.")] = (
        None
    )
