"""A logging resource: where rule loggers write."""

from typing import Annotated, Literal

from msgspec import Meta

from midonet.events.model.base import Entity


class LoggingResource(Entity, frozen=True, kw_only=True):
    """Where rule loggers write to."""

    KIND = "logging-resource"

    type: Annotated[Literal["file"], Meta(description="What it is.")] = "file"
    enabled: Annotated[bool, Meta(description="Whether anything is written.")] = True
