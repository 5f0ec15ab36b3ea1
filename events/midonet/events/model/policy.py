"""Packet policy: chains of rules, their conditions and their NAT targets (MidoNet's Chain, Rule, Condition)."""

import ipaddress
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta, Struct

from midonet.events.errors import InvalidValue
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import (
    DERIVED,
    Cidr,
    DlType,
    FragmentPolicy,
    Id,
    IpAddress,
    Mac,
    MacMask,
    NwProto,
    OnDelete,
    PortRange,
    Ref,
    Tenant,
    Vlan,
)

__all__ = ["Chain", "NatTarget", "Rule"]

NAT_ACTIONS = ("snat", "dnat")


class NatTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range of addresses and transport ports to translate to; both ends belong to it."""

    address_from: IpAddress
    address_to: IpAddress | None = None
    ports: PortRange | None = None

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Read `ADDRESS[-ADDRESS][:PORT[-PORT]]` (IPv4), the form of the command line."""
        addresses, _, ports = text.partition(":")
        first, _, last = addresses.partition("-")
        return {"address_from": first, "address_to": last or None, "ports": ports or None}


class Chain(Entity, frozen=True, kw_only=True):
    """Ordered list of rules; the first that decides wins."""

    KIND = "chain"

    tenant: Tenant | None = None


PortList = tuple[Annotated[Id, Ref("port")], ...]
Inverted = Annotated[bool, Meta(description="Turn the condition round.")]


class Rule(Entity, frozen=True, kw_only=True):
    """One rule of a chain: all conditions that are set must hold, then the action applies."""

    KIND = "rule"
    OWNER = ("chain",)
    NESTED = "rules"
    IDENTITY = ()

    chain: Annotated[Id, Ref("chain", OnDelete.DELETE), Meta(description="Chain that the rule is in.")]
    index: Annotated[int, DERIVED, Meta(ge=0, description="Place in the chain, from 1 on.")] = 0
    action: Annotated[
        Literal["accept", "drop", "reject", "return", "continue", "jump", "snat", "dnat", "rev-snat", "rev-dnat"],
        Meta(description="What to do with a packet that matches."),
    ]
    jump_chain: Annotated[
        Id | None, Ref("chain", OnDelete.REFUSE, OnDelete.DELETE), Meta(description="Chain to go to (jump).")
    ] = None
    nat_targets: Annotated[tuple[NatTarget, ...], Meta(description="What to translate to (snat, dnat).")] = ()
    nat_action: Annotated[
        Literal["accept", "continue", "return"] | None, Meta(description="What follows a translation.")
    ] = None

    conjunction_inv: Annotated[bool, Meta(description="Turn the whole condition round.")] = False
    match_forward_flow: Annotated[bool, Meta(description="Only the first direction of a flow.")] = False
    match_return_flow: Annotated[bool, Meta(description="Only the return direction of a flow.")] = False
    in_ports: Annotated[PortList, Meta(description="Ports where the packet entered.")] = ()
    inv_in_ports: Inverted = False
    out_ports: Annotated[PortList, Meta(description="Ports where the packet leaves.")] = ()
    inv_out_ports: Inverted = False
    traversed_device: Annotated[Id | None, Ref("bridge|router"), Meta(description="Device that it came through.")] = (
        None
    )
    inv_traversed_device: Inverted = False
    dl_type: Annotated[DlType | None, Meta(description="Ethertype: number, ipv4, arp or ipv6.")] = None
    inv_dl_type: Inverted = False
    dl_src: Annotated[Mac | None, Meta(description="Source MAC address.")] = None
    dl_src_mask: Annotated[MacMask | None, Meta(description="Which bits of dl_src count.")] = None
    inv_dl_src: Inverted = False
    dl_dst: Annotated[MacMask | None, Meta(description="Destination MAC address.")] = None
    dl_dst_mask: Annotated[MacMask | None, Meta(description="Which bits of dl_dst count.")] = None
    inv_dl_dst: Inverted = False
    no_vlan: Annotated[bool, Meta(description="Only packets without a VLAN tag.")] = False
    vlan: Annotated[Vlan | None, Meta(description="VLAN id of the packet.")] = None
    nw_tos: Annotated[int, Meta(ge=0, le=255, description="IP type of service.")] | None = None
    inv_nw_tos: Inverted = False
    nw_proto: Annotated[NwProto | None, Meta(description="IP protocol: number or name.")] = None
    inv_nw_proto: Inverted = False
    nw_src: Annotated[Cidr | None, Meta(description="Source prefix.")] = None
    inv_nw_src: Inverted = False
    nw_dst: Annotated[Cidr | None, Meta(description="Destination prefix.")] = None
    inv_nw_dst: Inverted = False
    match_nw_dst_rewritten: Annotated[bool, Meta(description="Only packets whose destination was translated.")] = False
    tp_src: Annotated[PortRange | None, Meta(description="Source transport port or range.")] = None
    inv_tp_src: Inverted = False
    tp_dst: Annotated[PortRange | None, Meta(description="Destination transport port or range.")] = None
    inv_tp_dst: Inverted = False
    icmp_data_src: Annotated[Cidr | None, Meta(description="Source inside an ICMP error.")] = None
    inv_icmp_data_src: Inverted = False
    icmp_data_dst: Annotated[Cidr | None, Meta(description="Destination inside an ICMP error.")] = None
    inv_icmp_data_dst: Inverted = False
    fragment_policy: Annotated[FragmentPolicy | None, Meta(description="Which IP fragments match.")] = None

    def without(self, field: str, target: str) -> Self | None:
        """A condition that loses its last port is always true when inverted, and never otherwise."""
        rule = super().without(field, target)
        if rule is None or _is_set(getattr(rule, field)):
            return rule
        inversion = f"inv_{field}"
        return msgspec.structs.replace(rule, **{inversion: False}) if getattr(rule, inversion, False) else None

    def check(self, view: View) -> None:
        """Action and its data belong together; layer-4 conditions need a fragment policy that has them."""
        del view
        for field in self.__struct_fields__:
            if field.startswith("inv_") and getattr(self, field) and not _is_set(getattr(self, field[4:])):
                raise InvalidValue(f"{field} turns {field[4:]} round, which is not set", field=field)
        if (self.action == "jump") != (self.jump_chain is not None):
            raise InvalidValue("jump_chain belongs to the action jump, which needs it", field="jump_chain")
        if self.jump_chain == self.chain:
            raise InvalidValue("a rule cannot jump to its own chain", field="jump_chain")
        if (self.action in NAT_ACTIONS) != bool(self.nat_targets):
            raise InvalidValue("nat_targets belong to the actions snat and dnat, which need them", field="nat_targets")
        if self.nat_action is not None and self.action not in (*NAT_ACTIONS, "rev-snat", "rev-dnat"):
            raise InvalidValue("nat_action belongs to the NAT actions", field="nat_action")
        for target in self.nat_targets:
            _check_range(target)
        layer4 = self.tp_src is not None or self.tp_dst is not None
        if layer4 and self.fragment_policy in ("any", "nonheader"):
            raise InvalidValue("tp_src and tp_dst need fragment_policy header or unfragmented", field="fragment_policy")
        if self.no_vlan and self.vlan is not None:
            raise InvalidValue("no_vlan and vlan exclude each other", field="vlan")


def _is_set(value: object) -> bool:
    return value is not None and value != ()


def _check_range(target: NatTarget) -> None:
    if target.address_to is None:
        return
    low, high = ipaddress.ip_address(target.address_from), ipaddress.ip_address(target.address_to)
    if low.version != high.version or int(low) > int(high):
        raise InvalidValue(f"{low}-{high} is not a range of addresses", field="nat_targets")
