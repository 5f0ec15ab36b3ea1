"""A logging resource: where rule loggers write."""

from typing import Annotated, Literal

from msgspec import Meta

from midonet.events.model.base import Entity


class LoggingResource(Entity, frozen=True, kw_only=True):
    """Destination of rule loggers."""

    KIND = "logging-resource"

    type: Annotated[Literal["file"], Meta(description="Type.")] = "file"
    enabled: Annotated[bool, Meta(description="Whether it writes.")] = True
