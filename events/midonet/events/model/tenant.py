"""Tenants: what the `tenant` of an object, a label, may say more about."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from midonet.events.model.base import Entity, View
from midonet.events.model.fields import Text


class Tenant(Entity, frozen=True, kw_only=True):
    """Owner of objects, which refer to it by name (a label; the tenant object is optional)."""

    KIND = "tenant"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("name",): "tenant-exists"}

    description: Annotated[Text | None, Meta(description="Free text.")] = None
    enabled: Annotated[bool, Meta(description="Whether the tenant is enabled.")] = True

    def check(self, view: View) -> None:
        """Named."""
        del view
        self.check_named()
