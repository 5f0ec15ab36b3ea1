"""Tenants: what the `tenant` of an object, a label, may say more about."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from midonet.events.model.base import Entity, View
from midonet.events.model.fields import Text


class Tenant(Entity, frozen=True, kw_only=True):
    """Whom objects belong to; they say so by its name (a label, which needs no tenant of that name)."""

    KIND = "tenant"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("name",): "tenant-exists"}

    description: Annotated[Text | None, Meta(description="Who that is.")] = None
    enabled: Annotated[bool, Meta(description="Whether it may be worked for.")] = True

    def check(self, view: View) -> None:
        """Named."""
        del view
        self.check_named()
