"""A hypervisor."""

from typing import Annotated

from msgspec import Meta

from midonet.events.model.base import Entity


class Host(Entity, frozen=True, kw_only=True):
    """Hypervisor or gateway that runs an agent."""

    KIND = "host"

    flooding_proxy_weight: Annotated[
        int, Meta(ge=0, le=65535, description="Weight for the election of the flooding proxy; 0 is never.")
    ] = 1
    container_weight: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="Weight for the placement of service containers; 0 is never.")
    ] = 1
    container_limit: Annotated[
        int, Meta(ge=-1, le=2**31 - 1, description="Maximum number of service containers; -1 is no limit.")
    ] = -1
    enforce_container_limit: Annotated[
        bool, Meta(description="Whether the limit holds even if all hosts reach it.")
    ] = False
