"""The vocabulary in which kinds declare their fields: value formats, references and who may write.

A format turns what people write into the one canonical form that events carry (lower-case MAC addresses,
CIDRs without surprises), or says what is wrong with it. Formats are pure; they know nothing of other objects.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta

from midonet.events.validation_words import type_in_words


def about(text: str, **limits: Any) -> Meta:
    """Return the description of a field, with the limits of its value (`ge`, `max_length` and so on)."""
    return Meta(description=text, **limits)


class OnDelete(Enum):
    """What happens to the object that refers when the object that it refers to is deleted."""

    DELETE = "delete"  # it goes as well: it was a part of the other
    CLEAR = "clear"  # it stays and forgets the reference
    REFUSE = "refuse"  # the deletion is refused


@dataclass(frozen=True, slots=True)
class Ref:
    """The field refers to an object of `kind`.

    `on_delete` holds for a plain deletion of that object; `cascade` for one with `--cascade`, and may do what
    would be unwise to do silently (MidoNet clears filters silently and so opens a firewall).
    """

    kind: str
    on_delete: OnDelete = OnDelete.REFUSE
    cascade: OnDelete = OnDelete.CLEAR


class Malformed(ValueError):
    """A value does not have its format; `reason` is the reason code."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Format:
    """How to bring what people write into the canonical form; `_parse` raises `ValueError` with what is wrong."""

    name: str
    _parse: Callable[[Any], Any]
    show: Callable[[Any], str] = str
    """Returns what people read for a canonical value."""
    canonical: re.Pattern[str] | None = None
    """Fits only values that are in canonical form, and those that programs write: they need no parsing."""

    @property
    def reason(self) -> str:
        """Reason code for a value without this format."""
        return f"bad-{self.name.replace('/', '-')}"

    def parse(self, value: Any) -> Any:
        """Return the canonical form, or raise `Malformed`."""
        try:
            return self._parse(value)
        except ValueError as error:
            raise Malformed(str(error), self.reason) from None


@dataclass(frozen=True, slots=True)
class Flag:
    """A property of a field that is not part of its type."""

    name: str


DERIVED = Flag("derived")
"""Allocated or derived by the system; refused on input unless it equals what is there."""


_CANONICAL_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def canonical_id(text: object) -> str:
    """Return a UUID in its lower-case form with hyphens; `ValueError` for anything else."""
    if isinstance(text, str) and _CANONICAL_ID.fullmatch(text):
        return text
    try:
        return str(UUID(str(text)))
    except ValueError:
        raise ValueError(f"{text!r} is not a UUID") from None


_MAC = re.compile(
    r"[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}([.-])[0-9a-f]{4}\2[0-9a-f]{4}|[0-9a-f]{12}"
)
"""`02:00:00:00:00:01`, `02-00-00-00-00-01`, `0200.0000.0001`, `0200-0000-0001` and `020000000001`."""
_STATION = re.compile(r"(?!00:00:00:00:00:00)[0-9a-f][02468ace](?::[0-9a-f]{2}){5}")
_GROUP_BIT = 1


def canonical_mac(text: object) -> str:
    """Return a MAC address in lower-case pairs with colons; `ValueError` for what is none in any common notation."""
    value = text.strip().lower() if isinstance(text, str) else ""
    if not _MAC.fullmatch(value):
        raise ValueError(f"{_quoted(text)} is not a MAC address such as 02:00:00:00:00:01")
    digits = re.sub("[:.-]", "", value)
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def _quoted(value: object) -> str:
    """Return a bad value for an error message: quoted, shortened, control characters escaped."""
    if not isinstance(value, str):
        return f"{value} (a number)" if isinstance(value, (int, float)) else "a value that is not text"
    return repr(value if len(value) <= _ECHOED else f"{value[:_ECHOED]}…")


_ECHOED = 60


def _mac(text: object) -> str:
    value = canonical_mac(text)
    if value == "00:00:00:00:00:00" or int(value[:2], 16) & _GROUP_BIT:
        raise ValueError(f"{value} is a group or null address; one station is needed")
    return value


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IP4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


def _ip(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError(f"{_quoted(text)} is not an IP address; write it as text")  # noqa: TRY004 - one exception type for every bad value
    _refuse_scope(text)
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        raise ValueError(f"{_quoted(text)} is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise ValueError(f"{address} is an IPv4 address in IPv6 notation; write {address.ipv4_mapped}")
    return str(address)


def _refuse_scope(text: str) -> None:
    """A scope (RFC 4007: `fe80::1%eth0`) names an interface of one machine, and means nothing in a virtual network."""
    if "%" in text:
        raise ValueError(f"{_quoted(text)} has a scope (%…), which means nothing here; write the address alone")


def _cidr(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError(f"{_quoted(text)} is not a CIDR; write it as text")  # noqa: TRY004 - one exception type for every bad value
    _refuse_scope(text)
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError as error:
        raise ValueError(f"{_quoted(text)} is not a network in CIDR form such as 10.0.0.0/24 ({error})") from None


def _of_version(parse: Callable[[object], str], version: int) -> Callable[[object], str]:
    """Return a parser that takes addresses (or networks) of one IP version only."""

    def parse_version(text: object) -> str:
        value = parse(text)
        if (":" in value) != (version == 6):  # noqa: PLR2004 - IP version
            raise ValueError(f"{value} is not of IP version {version}")
        return value

    return parse_version


def _interface_address(text: object) -> str:
    if not isinstance(text, str) or "/" not in text:
        raise ValueError(f"{_quoted(text)} is not an address with a prefix length such as 10.0.0.1/24")
    _refuse_scope(text)
    try:
        return str(ipaddress.ip_interface(text.strip()))
    except ValueError:
        raise ValueError(f"{_quoted(text)} is not an address with a prefix length such as 10.0.0.1/24") from None


_PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "udp": 17,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ospf": 89,
    "vrrp": 112,
    "sctp": 132,
}
_ETHERTYPES = {"ipv4": 0x0800, "arp": 0x0806, "ipv6": 0x86DD}


def _named(names: dict[str, int], other: Callable[[int], str]) -> Callable[[Any], str]:
    """Return a function that gives numbers their names."""
    words = {number: name for name, number in names.items()}
    return lambda value: words.get(value) or other(value)


def _number(value: object, names: dict[str, int], low: int, high: int, what: str) -> int:
    if isinstance(value, str):
        text = value.strip().lower()
        try:
            value = names[text] if text in names else int(text, 0)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"not {what}: a number from {low} to {high} or one of {', '.join(names)}")
    return value


def _vlan(value: object) -> object:
    if value in (_RESERVED_VLAN, str(_RESERVED_VLAN)):
        raise ValueError(
            f"VLAN id {_RESERVED_VLAN} is reserved (IEEE 802.1Q); use 1 to {_RESERVED_VLAN - 1}, or 0 for untagged"
        )
    return value


def _port_range(value: object) -> str:
    first, _, last = str(value).strip().partition("-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        low, high = -1, -1
    if isinstance(value, bool) or not 0 <= low <= high <= 0xFFFF:  # noqa: PLR2004 - 16-bit transport port
        raise ValueError(f"{value!r} is not a transport port or range such as 80 or 8000-8080 (0-65535)")
    return str(low) if low == high else f"{low}-{high}"


_RESERVED_VLAN = 4095
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _line(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError(f"expected text, got {type_in_words(text)}")  # noqa: TRY004 - one exception type for every bad value
    if _CONTROL.search(text):
        raise ValueError("control characters and line breaks are not allowed")
    return text


_PLAIN_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")


def _interface(text: object) -> str:
    value = _line(text)
    if "/" in value or any(character.isspace() for character in value) or value in (".", ".."):
        raise ValueError(f"{value!r} is not a name that a network interface can have")
    return value


_LINE = Format("text", _line)

Id = Annotated[str, Format("id", canonical_id)]
Name = Annotated[str, _LINE, Meta(min_length=1, max_length=255)]
Label = Annotated[str, _LINE, Meta(min_length=1, max_length=255)]
Text = Annotated[str, _LINE, Meta(max_length=1024)]
Interface = Annotated[
    str, Format("interface", _interface, canonical=_PLAIN_INTERFACE), Meta(min_length=1, max_length=15)
]
"""Name of a Linux network interface (IFNAMSIZ leaves 15 characters)."""
Tenant = Annotated[str, _LINE, about("Tenant that the object belongs to.", min_length=1, max_length=255)]
Mac = Annotated[str, Format("mac", _mac, canonical=_STATION)]
MacMask = Annotated[str, Format("mac-mask", canonical_mac)]
IpAddress = Annotated[str, Format("ip", _ip, canonical=_IP4)]
Ip4Address = Annotated[str, Format("ipv4", _of_version(_ip, 4), canonical=_IP4)]
Ip6Address = Annotated[str, Format("ipv6", _of_version(_ip, 6))]
Cidr = Annotated[str, Format("cidr", _cidr)]
Cidr4 = Annotated[str, Format("ipv4-cidr", _of_version(_cidr, 4))]
Cidr6 = Annotated[str, Format("ipv6-cidr", _of_version(_cidr, 6))]
InterfaceAddress = Annotated[str, Format("address/prefix", _interface_address)]
PortRange = Annotated[str, Format("port-range", _port_range)]
NwProto = Annotated[
    int, Format("ip-protocol", lambda v: _number(v, _PROTOCOLS, 0, 255, "an IP protocol"), _named(_PROTOCOLS, str))
]
DlType = Annotated[
    int,
    Format(
        "ethertype",
        lambda v: _number(v, _ETHERTYPES, 0x0600, 0xFFFF, "an Ethertype"),
        _named(_ETHERTYPES, "{:#06x}".format),
    ),
]
Vlan = Annotated[int, Format("vlan-id", _vlan), Meta(ge=0, le=4095)]
"""VLAN id; 4095 is reserved (IEEE 802.1Q) and refused on input, but read from logs that have it."""
VlanTag = Annotated[int, Meta(ge=0, le=65535)]
"""Tag control information of IEEE 802.1Q: the VLAN id, plus 8192 times the priority."""
L4Port = Annotated[int, Meta(ge=0, le=65535)]

FragmentPolicy = Literal["any", "header", "nonheader", "unfragmented"]


InboundFilter = Annotated[Id | None, Ref("chain"), about("Chain for packets that enter the device.")]


OutboundFilter = Annotated[Id | None, Ref("chain"), about("Chain for packets that leave the device.")]


AdminState = Annotated[bool, about("Administrative state; false disables it.")]


QosPolicy = Annotated[
    Id | None, Ref("qos-policy"), about("Bandwidth and DSCP marks; a port's policy overrides its bridge's.")
]


MirrorList = tuple[Annotated[Id, Ref("mirror", OnDelete.CLEAR)], ...]


InboundMirrors = Annotated[MirrorList, about("Mirrors of packets that enter the device.")]


OutboundMirrors = Annotated[MirrorList, about("Mirrors of packets that leave the device.")]
