"""Packet policy: chains of rules, what they do and their NAT targets (MidoNet's Chain and Rule)."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from midonet.events.errors import InvalidValue
from midonet.events.model.address_checks import version_of
from midonet.events.model.base import Entity, Part, View
from midonet.events.model.condition import Conditional, check_condition, ip_version
from midonet.events.model.fields import DERIVED, Id, IpAddress, Label, OnDelete, PortRange, Ref, Tenant, Text, about

_FORWARD_NAT = ("snat", "dnat")
_NAT = (*_FORWARD_NAT, "rev-snat", "rev-dnat")
_TRANSFORM = ("l2-transform", "redirect")
_BELONGS: Mapping[str, tuple[str, ...]] = {
    "nat_targets": _FORWARD_NAT,
    "nat_action": _NAT,
    "jump_chain": ("jump",),
    "trace_request": ("trace",),
    "trace_limit": ("trace",),
    "target_port": ("redirect",),
    "transform_action": ("l2-transform",),
    "pop_vlan": _TRANSFORM,
    "push_vlan": _TRANSFORM,
    "ingress": ("redirect",),
    "fail_open": ("redirect",),
}
"""Data of a rule → the actions that it is for."""
_NEEDED = ("nat_targets", "jump_chain", "trace_request", "target_port")
"""Data without which its action makes no sense."""


class Metadata(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A note on an object for other programs; nothing here reads it."""

    key: Label
    value: Text = ""


class NatTarget(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range of addresses and transport ports to translate to; both ends belong to it."""

    address_from: IpAddress
    address_to: IpAddress | None = None
    ports: PortRange | None = None

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Read `ADDRESS[-ADDRESS][:PORT[-PORT]]`, the form of the command line; with ports, IPv6 is in brackets.

        `10.0.0.1-10.0.0.9:1024-2047`, `2001:db8::1-2001:db8::9`, `[2001:db8::1-2001:db8::9]:80`.
        """
        addresses, ports = _split_ports(text.strip())
        first, _, last = addresses.partition("-")
        return {"address_from": first, "address_to": last or None, "ports": ports or None}

    def check(self) -> None:
        """Raise `InvalidValue` if the two addresses are no range."""
        low = ipaddress.ip_address(self.address_from)
        high = ipaddress.ip_address(self.address_to or self.address_from)
        if low.version != high.version or int(low) > int(high):
            raise InvalidValue(f"{low}-{high} is not a range of addresses", field="nat_targets", reason="bad-range")


def _split_ports(text: str) -> tuple[str, str]:
    """Return addresses and ports of a NAT target; brackets may be around each address or the range."""
    if text.startswith("["):
        addresses, _, ports = text.rpartition("]")
        if ports and not ports.startswith(":"):
            return text, ""  # the format check of the address reports the error
        return re.sub(r"[\[\]]", "", addresses), ports[1:]
    if text.count(":") > 1:
        return text, ""
    addresses, _, ports = text.partition(":")
    return addresses, ports


class Chain(Entity, frozen=True, kw_only=True):
    """Ordered list of rules; the first rule with a verdict ends the evaluation."""

    KIND = "chain"
    EXCLUSIVE = True

    tenant: Tenant | None = None
    metadata: Annotated[tuple[Metadata, ...], about("Metadata for other programs.")] = ()
    port: Annotated[
        Id | None, DERIVED, Ref("port", OnDelete.DELETE), about("Port whose L2 insertions the chain implements.")
    ] = None

    @property
    def follows(self) -> str | None:
        """A chain that redirects is there as long as its port has, or serves, insertions."""
        return "the L2 insertions of its port" if self.port is not None else None


class Rule(Conditional, frozen=True, kw_only=True):
    """One rule of a chain: all conditions that are set must hold, then the action applies."""

    KIND = "rule"
    OWNER = ("chain",)
    NESTED = "rules"
    IDENTITY = ()

    chain: Annotated[Id, Ref("chain", OnDelete.DELETE), about("Chain that the rule is in.")]
    index: Annotated[int, DERIVED, about("Position in the chain, from 1.", ge=0)] = 0
    action: Annotated[
        Literal[
            "accept",
            "drop",
            "reject",
            "return",
            "continue",
            "jump",
            "snat",
            "dnat",
            "rev-snat",
            "rev-dnat",
            "trace",
            "l2-transform",
            "redirect",
        ],
        about("What to do with a packet that matches."),
    ]
    jump_chain: Annotated[
        Id | None, Ref("chain", OnDelete.REFUSE, OnDelete.DELETE), about("Chain to go to (jump).")
    ] = None
    nat_targets: Annotated[tuple[NatTarget, ...], about("What to translate to (snat, dnat).")] = ()
    nat_action: Annotated[Literal["accept", "continue", "return"] | None, about("What follows a translation.")] = None
    trace_request: Annotated[
        Id | None, Ref("trace-request", OnDelete.DELETE), about("Request that the trace is for (trace).")
    ] = None
    trace_limit: Annotated[int, about("Packets to trace; absent: the request's.", ge=0)] | None = None
    target_port: Annotated[
        Id | None, Ref("port", OnDelete.REFUSE, OnDelete.DELETE), about("Port to send to (redirect).")
    ] = None
    transform_action: Annotated[
        Literal["accept", "continue", "return"] | None, about("What follows a change of VLAN tags.")
    ] = None
    pop_vlan: Annotated[bool, about("Remove the VLAN tag (l2-transform, redirect).")] = False
    push_vlan: Annotated[int, about("VLAN tag to add (l2-transform, redirect).", ge=0, le=65535)] | None = None
    ingress: Annotated[bool, about("Enter at the target port instead of leaving there (redirect).")] = False
    fail_open: Annotated[bool, about("Continue if the target port is down (redirect).")] = False
    fip_port: Annotated[
        Id | None, Ref("port", OnDelete.DELETE), about("Port with the floating IP that the rule is for.")
    ] = None
    metadata: Annotated[tuple[Metadata, ...], about("Metadata for other programs.")] = ()
    insertion: Annotated[
        Id | None, DERIVED, Ref("l2-insertion", OnDelete.DELETE), about("L2 insertion that the rule implements.")
    ] = None

    @property
    def follows(self) -> str | None:
        """A rule that carries out an insertion comes and goes with it."""
        return "the L2 insertions of a port" if self.insertion is not None else None

    def check(self, view: View) -> None:
        """Action and its data belong together; NAT over port ranges needs whole packets."""
        del view
        check_condition(self)
        self._check_data()
        if self.jump_chain == self.chain:
            raise InvalidValue("a rule cannot jump to its own chain", field="jump_chain", reason="jumps-to-itself")
        for target in self.nat_targets:
            target.check()
        self._check_ip_version()
        if self.fragment_policy not in (None, "unfragmented") and self._rewrites_ports():
            raise InvalidValue(
                "translating to several addresses or to ports needs fragment_policy unfragmented",
                field="fragment_policy",
                reason="fragment-policy",
            )

    def _check_data(self) -> None:
        for field, actions in _BELONGS.items():
            given = getattr(self, field) not in (None, (), False)
            if given and self.action not in actions:
                listed = " or ".join(actions)
                raise InvalidValue(f"{field} belongs to the action {listed}", field=field, reason="not-for-this-action")
            if field in _NEEDED and not given and self.action in actions:
                raise InvalidValue(f"the action {self.action} needs {field}", field=field, reason="needed-by-action")

    def _check_ip_version(self) -> None:
        """Prefixes and NAT targets are of the rule's one IP version; NAT does not translate between versions."""
        wanted = ip_version(self)
        versions = {version_of(target.address_from) for target in self.nat_targets}
        if len(versions | ({wanted} if wanted else set())) > 1:
            raise InvalidValue(
                "nat_targets are of another IP version than the rule matches; use one IP version",
                field="nat_targets",
                reason="ip-versions-differ",
            )

    def _rewrites_ports(self) -> bool:
        several = len(self.nat_targets) > 1
        return several or any(target.ports or target.address_to for target in self.nat_targets)


class RuleLogger(Entity, frozen=True, kw_only=True):
    """Logs the decisions of a chain to a logging resource."""

    KIND = "rule-logger"
    OWNER = ("chain",)
    NESTED = "loggers"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("chain", "logging_resource", "event"): "logger-exists"}
    IDENTITY = ("logging_resource", "event")

    chain: Annotated[Id, Ref("chain", OnDelete.DELETE), about("Chain whose decisions are logged.")]
    logging_resource: Annotated[Id, Ref("logging-resource", OnDelete.DELETE), about("Destination of the log.")]
    event: Annotated[Literal["accept", "drop", "all"], about("Which decisions are logged.")] = "all"
