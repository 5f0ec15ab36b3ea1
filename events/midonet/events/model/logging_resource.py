"""A logging resource: where rule loggers write."""

from typing import Annotated, Literal

from midonet.events.model.base import Entity
from midonet.events.model.fields import about


class LoggingResource(Entity, frozen=True, kw_only=True):
    """Destination of rule loggers."""

    KIND = "logging-resource"

    type: Annotated[Literal["file"], about("Type.")] = "file"
    enabled: Annotated[bool, about("Whether it writes.")] = True
