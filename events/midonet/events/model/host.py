"""A hypervisor."""

from typing import Annotated

from midonet.events.model.base import Entity
from midonet.events.model.fields import about


class Host(Entity, frozen=True, kw_only=True):
    """Hypervisor or gateway that runs an agent."""

    KIND = "host"

    flooding_proxy_weight: Annotated[
        int, about("Weight for the election of the flooding proxy; 0 is never.", ge=0, le=65535)
    ] = 1
    container_weight: Annotated[
        int, about("Weight for the placement of service containers; 0 is never.", ge=0, le=2**31 - 1)
    ] = 1
    container_limit: Annotated[
        int, about("Maximum number of service containers; -1 is no limit.", ge=-1, le=2**31 - 1)
    ] = -1
    enforce_container_limit: Annotated[bool, about("Whether the limit holds even if all hosts reach it.")] = False
