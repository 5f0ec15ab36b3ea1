"""A port mirror."""

from typing import Annotated

from midonet.events.model.base import Entity, View
from midonet.events.model.condition import Condition, check_condition
from midonet.events.model.fields import Id, OnDelete, Ref, about


class Mirror(Entity, frozen=True, kw_only=True):
    """Copies packets to a port; the mirrored devices and ports refer to it."""

    KIND = "mirror"

    to_port: Annotated[Id, Ref("port", OnDelete.DELETE), about("Port that receives the copies.")]
    conditions: Annotated[tuple[Condition, ...], about("Packets that match one of them are copied.")] = ()

    def check(self, view: View) -> None:
        """Every condition must make sense."""
        del view
        for condition in self.conditions:
            check_condition(condition)
