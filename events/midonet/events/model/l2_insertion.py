"""An L2 insertion and the ids of the rules that it generates."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self
from uuid import UUID, uuid5

import msgspec

from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import DERIVED, Id, Mac, OnDelete, Ref, Vlan, about

_NAMESPACE = UUID("6d69646f-6e65-5274-8000-696e73657274")


def redirect_chain_id(port: str, way: str) -> str:
    """Return the id of the chain that redirects what enters (`in`) or leaves (`out`) at a port."""
    return str(uuid5(_NAMESPACE, f"{port}/{way}"))


def redirect_rule_id(chain: str, insertion: str, role: str) -> str:
    """Return the id of a rule that carries out an insertion: the same whenever it is made again."""
    return str(uuid5(_NAMESPACE, f"{chain}/{insertion}/{role}"))


class L2Insertion(Entity, frozen=True, kw_only=True):
    """Sends the traffic of a port through a service function; lowest order first."""

    KIND = "l2-insertion"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("port", "srv_port"): "insertion-exists"}
    IDENTITY = ("port", "srv_port")

    port: Annotated[Id, Ref("port", OnDelete.DELETE), about("Port whose traffic is redirected.")]
    srv_port: Annotated[Id, Ref("port", OnDelete.DELETE), about("Port of the service function.")]
    mac: Annotated[Mac, about("MAC address of the station behind the port.")]
    vlan: Annotated[Vlan, about("VLAN that marks the traffic at the function; 0 is none.")] = 0
    order: Annotated[int, about("Order among the functions of the port (MidoNet's position).", ge=0, le=2**31 - 1)] = 0
    fail_open: Annotated[bool, about("Let traffic pass if the function is down.")] = False
    srv_rule_in: Annotated[
        Id | None, DERIVED, Ref("rule"), about("Rule for packets that the station sent, after the function.")
    ] = None
    srv_rule_out: Annotated[
        Id | None, DERIVED, Ref("rule"), about("Rule for packets to the station, after the function.")
    ] = None

    def derive(self) -> Self:
        """Name the two rules of the service function's port."""
        chain = redirect_chain_id(self.srv_port, "in")
        rules = {f"srv_rule_{way}": redirect_rule_id(chain, self.id, f"back-{way}") for way in ("in", "out")}
        return msgspec.structs.replace(self, **rules)

    def check(self, view: View) -> None:
        """Two ports of different roles, and the service function's is a bridge's."""
        if self.port == self.srv_port:
            raise InvalidValue("a port cannot be its own service function", field="srv_port", reason="same-port")
        port = view.get("port", self.srv_port)
        if port is not None and port.bridge is None:
            raise InvalidValue("srv_port must be a port of a bridge", field="srv_port", reason="not-a-bridge-port")
        for field, role, other in (("port", "srv_port", "serves"), ("srv_port", "port", "is protected by")):
            taken = next(iter(view.referrers(getattr(self, field), "l2-insertion", role)), None)
            if taken is not None:
                raise Conflict(
                    f"port {getattr(self, field)} {other} insertion {taken.id}; it cannot be both",
                    field=field,
                    other=taken.id,
                    reason="protected-and-serving",
                )
