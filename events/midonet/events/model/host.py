"""A hypervisor."""

from typing import Annotated

from msgspec import Meta

from midonet.events.model.base import Entity


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
