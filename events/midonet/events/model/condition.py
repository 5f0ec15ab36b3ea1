"""What a packet must be like: the condition that rules, mirrors and trace requests share (MidoNet's Condition).

It is declared once, as fields of a kind (a rule has its condition as fields of its own) and, made from the same
declaration, as a structure inside others.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self, get_type_hints

import msgspec

from midonet.events.errors import InvalidValue
from midonet.events.model.address_checks import one_version
from midonet.events.model.base import Entity, Part, forget
from midonet.events.model.fields import (
    Cidr,
    DlType,
    FragmentPolicy,
    Id,
    Mac,
    MacMask,
    NwProto,
    PortRange,
    Ref,
    VlanTag,
    about,
)

_PortList = tuple[Annotated[Id, Ref("port")], ...]
_PortGroup = Annotated[Id | None, Ref("port-group")]
_AddressGroup = Annotated[Id | None, Ref("ip-addr-group")]
_Inverted = Annotated[bool, about("Invert the condition.")]


def _without(part: Any, field: str, target: str) -> Any:
    """Forget a reference and match the same packets as when what it named could not be met any more.

    An inverted term that loses its last reference holds always, so it goes. Any other never holds again: then the
    whole condition never holds (None), or, turned round as a whole, always (no term is left).
    """
    left = forget(part, field, target)
    if left is None or left == part or field not in _TERMS or _is_set(getattr(left, field)):
        return left
    if getattr(left, f"inv_{field}", False):
        return msgspec.structs.replace(left, **{f"inv_{field}": False})
    if not left.conjunction_inv:
        return None
    return msgspec.structs.replace(left, **{name: info.default for name, info in _TERMS.items()})


def _is_set(value: object) -> bool:
    return value is not None and value != ()


class Conditional(Entity, frozen=True, kw_only=True):
    """An object with a condition: all terms that are set must hold."""

    conjunction_inv: Annotated[bool, about("Invert the whole condition.")] = False
    match_forward_flow: Annotated[bool, about("Only the first direction of a flow.")] = False
    match_return_flow: Annotated[bool, about("Only the return direction of a flow.")] = False
    in_ports: Annotated[_PortList, about("Ports where the packet entered.")] = ()
    inv_in_ports: _Inverted = False
    out_ports: Annotated[_PortList, about("Ports where the packet leaves.")] = ()
    inv_out_ports: _Inverted = False
    port_group: Annotated[_PortGroup, about("Group of the port where the packet entered the device.")] = None
    inv_port_group: _Inverted = False
    in_port_group: Annotated[_PortGroup, about("Group of the port where the packet entered.")] = None
    inv_in_port_group: _Inverted = False
    out_port_group: Annotated[_PortGroup, about("Group of the port where the packet leaves.")] = None
    inv_out_port_group: _Inverted = False
    ip_addr_group_src: Annotated[_AddressGroup, about("Group that has the source address.")] = None
    inv_ip_addr_group_src: _Inverted = False
    ip_addr_group_dst: Annotated[_AddressGroup, about("Group that has the destination address.")] = None
    inv_ip_addr_group_dst: _Inverted = False
    traversed_device: Annotated[Id | None, Ref("bridge|router"), about("Device that the packet traversed.")] = None
    inv_traversed_device: _Inverted = False
    dl_type: Annotated[DlType | None, about("Ethertype: number, ipv4, arp or ipv6.")] = None
    inv_dl_type: _Inverted = False
    dl_src: Annotated[Mac | None, about("Source MAC address.")] = None
    dl_src_mask: Annotated[MacMask | None, about("Bits of dl_src that are compared.")] = None
    inv_dl_src: _Inverted = False
    dl_dst: Annotated[MacMask | None, about("Destination MAC address.")] = None
    dl_dst_mask: Annotated[MacMask | None, about("Bits of dl_dst that are compared.")] = None
    inv_dl_dst: _Inverted = False
    no_vlan: Annotated[bool, about("Only packets without a VLAN tag.")] = False
    vlan: Annotated[VlanTag | None, about("VLAN tag of the packet: the VLAN id, plus 8192 times the priority.")] = None
    nw_tos: Annotated[int, about("IP type of service.", ge=0, le=255)] | None = None
    inv_nw_tos: _Inverted = False
    nw_proto: Annotated[NwProto | None, about("IP protocol: number or name.")] = None
    inv_nw_proto: _Inverted = False
    nw_src: Annotated[Cidr | None, about("Source prefix.")] = None
    inv_nw_src: _Inverted = False
    nw_dst: Annotated[Cidr | None, about("Destination prefix.")] = None
    inv_nw_dst: _Inverted = False
    match_nw_dst_rewritten: Annotated[bool, about("Only packets whose destination was translated.")] = False
    tp_src: Annotated[PortRange | None, about("Source transport port or range.")] = None
    inv_tp_src: _Inverted = False
    tp_dst: Annotated[PortRange | None, about("Destination transport port or range.")] = None
    inv_tp_dst: _Inverted = False
    icmp_data_src: Annotated[Cidr | None, about("Source inside an ICMP error.")] = None
    inv_icmp_data_src: _Inverted = False
    icmp_data_dst: Annotated[Cidr | None, about("Destination inside an ICMP error.")] = None
    inv_icmp_data_dst: _Inverted = False
    fragment_policy: Annotated[FragmentPolicy | None, about("Which IP fragments match.")] = None

    def without(self, field: str, target: str) -> Self | None:
        """See `_without`; what is no term of the condition is forgotten as in any other object."""
        left: Self | None = _without(self, field, target)
        return left


_TERMS = {info.name: info for info in msgspec.structs.fields(Conditional) if info.name not in Entity.__struct_fields__}

if TYPE_CHECKING:

    class Condition(Conditional, frozen=True):
        """The same condition as a structure inside an object."""

else:
    _HINTS = get_type_hints(Conditional, include_extras=True)
    Condition = msgspec.defstruct(
        "Condition",
        [(name, _HINTS[name], info.default) for name, info in _TERMS.items()],
        bases=(Part,),
        namespace={"__doc__": "A condition inside an object.", "without": _without},
        module=__name__,
        frozen=True,
        kw_only=True,
        gc=False,
        omit_defaults=True,
        forbid_unknown_fields=True,
    )


def check_condition(condition: Conditional) -> None:
    """Raise `InvalidValue` if the terms contradict each other.

    Layer-4 terms need a fragment policy whose packets have a layer-4 header (MidoNet: `header`, `unfragmented`).
    """
    for name in _TERMS:
        if name.startswith("inv_") and getattr(condition, name) and not _is_set(getattr(condition, name[4:])):
            raise InvalidValue(f"{name} turns {name[4:]} round, which is not set", field=name, reason="inverts-nothing")
    layer4 = condition.tp_src is not None or condition.tp_dst is not None
    if layer4 and condition.fragment_policy in ("any", "nonheader"):
        raise InvalidValue(
            "tp_src and tp_dst need fragment_policy header or unfragmented",
            field="fragment_policy",
            reason="fragment-policy",
        )
    if condition.no_vlan and condition.vlan is not None:
        raise InvalidValue("no_vlan and vlan exclude each other", field="vlan", reason="vlan-and-no-vlan")
    ip_version(condition)


_PREFIXES = ("nw_src", "nw_dst", "icmp_data_src", "icmp_data_dst")
_ARP = 0x0806
_ANY4, _ANY6 = "0.0.0.0/0", "::/0"
_OF_ETHERTYPE = {0x0800: _ANY4, _ARP: _ANY4, 0x86DD: _ANY6}
_OF_PROTOCOL = {1: _ANY4, 58: _ANY6}
"""ICMP and ICMPv6."""
_ARP_OPERATIONS = 2
"""In ARP packets `nw_proto` is the operation (request 1, reply 2), as in Open vSwitch."""


def ip_version(condition: Conditional) -> int | None:
    """Return the one IP version that a condition can match (ARP counts as IPv4), None if it can match both.

    Raises `InvalidValue` (`ip-versions-differ`, `not-for-arp`) for terms that no packet meets together.
    """
    terms = [(name, value) for name in _PREFIXES if (value := getattr(condition, name)) is not None]
    version = one_version([*_typed(condition), *terms])
    if condition.dl_type == _ARP and not condition.inv_dl_type:
        _check_arp(condition)
    return version


def _typed(condition: Conditional) -> Iterator[tuple[str, str]]:
    """Yield the terms that imply an IP version, each with a prefix of that version."""
    if not condition.inv_dl_type and condition.dl_type in _OF_ETHERTYPE:
        yield "dl_type", _OF_ETHERTYPE[condition.dl_type]
    if not condition.inv_nw_proto and condition.dl_type != _ARP and condition.nw_proto in _OF_PROTOCOL:
        yield "nw_proto", _OF_PROTOCOL[condition.nw_proto]


def _check_arp(condition: Conditional) -> None:
    layer4 = next((name for name in ("tp_src", "tp_dst") if getattr(condition, name) is not None), None)
    field = "nw_proto" if (condition.nw_proto or 0) > _ARP_OPERATIONS else layer4
    if field is not None:
        raise InvalidValue(
            f"{field} does not go with dl_type arp: ARP has no transport header", field=field, reason="not-for-arp"
        )
