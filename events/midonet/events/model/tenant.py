"""Tenants: optional objects that describe the tenant label of other objects."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from midonet.events.model.base import Entity, View
from midonet.events.model.fields import Text, about


class Tenant(Entity, frozen=True, kw_only=True):
    """Owner of objects; they refer to it by name. Once there is a tenant object, every tenant needs one."""

    KIND = "tenant"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("name",): "tenant-exists"}

    description: Annotated[Text | None, about("Free text.")] = None
    enabled: Annotated[bool, about("Whether the tenant is enabled.")] = True

    def check(self, view: View) -> None:
        """Named."""
        del view
        self.check_named()
