"""Parse the text of a packet: what each term says, and the protocol that all agree on."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from midonet.events.errors import InvalidValue
from midonet.events.suggestions import suggest
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.compose import ethernet
from midonet.simulation.packet.fields import DL_TYPE, IPV6, NW_PROTO, NW_SRC, VLAN, VLAN_PRESENT
from midonet.simulation.packet.format import TRUNCATED, WORDS, format_values
from midonet.simulation.packet.numbers import ICMP, ICMP6, IP4, IP6
from midonet.simulation.packet.packet import Packet
from midonet.simulation.packet.text.from_values import frame_of, link_of
from midonet.simulation.packet.text.names import NAMES, VLAN_PRIORITY, Name
from midonet.simulation.packet.text.rules import check, complete

_EXAMPLE = "tcp,ip_dst=10.0.0.2,tp_dst=443"
_EITHER_VERSION = frozenset(("tcp", "udp", "sctp"))
"""Words that go with IPv6 addresses too."""


class _Term(NamedTuple):
    """One part of the text."""

    text: str
    word: str
    name: Name | None = None
    value: int = 0


def format_packet(packet: Packet) -> str:
    """Return the canonical text of a packet; it parses back to the same values."""
    return format_values(packet.values)


def parse(text: str, defaults: Mapping[int, int] | None = None) -> Packet:
    """Return the packet that a text describes; `defaults` has values for fields that the text leaves out.

    A default that does not go with the packet's protocol is ignored.
    """
    terms = [_term(part.strip()) for part in text.split(",")]
    given = _given(terms)
    defaults = defaults or {}
    given[DL_TYPE] = _kind(terms, defaults)
    proto = _proto(terms, given[DL_TYPE])
    if proto is not None:
        given[NW_PROTO] = proto
    values = complete(given, defaults)
    for term in terms:
        if term.name:
            check(term.word, term.name.needs, values)
    if any(term.word == TRUNCATED for term in terms):
        if any(term.name and term.name.needs for term in terms):
            raise _refused(
                TRUNCATED, "such a packet has fields of Ethernet only; leave out the others", "not-for-protocol"
            )
        return decode(ethernet(link_of(values), values[DL_TYPE], b""))
    return decode(frame_of(values))


def _refused(field: str, message: str, reason: str = "bad-value") -> InvalidValue:
    return InvalidValue(f"{field}: {message}", field=field, reason=reason)


def _term(text: str) -> _Term:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not text:
        raise _refused("packet", f"a term is empty; write terms with commas between them, such as {_EXAMPLE}")
    if not equals:
        if name not in WORDS and name != TRUNCATED:
            raise _unknown(name)
        return _Term(text, name)
    if name not in NAMES:
        raise _unknown(name)
    try:
        return _Term(text, name, NAMES[name], NAMES[name].read(value))
    except ValueError as error:
        raise _refused(name, str(error)) from None


def _unknown(name: str) -> InvalidValue:
    what = "needs a value, as in" if name in NAMES else "unknown field or protocol"
    if name in NAMES:
        return _refused(name, f"{what} {name}=…")
    if name in WORDS:
        return _refused(name, "a protocol word has no value")
    return _refused(name[:50] or "packet", f"{what}{suggest(name, [*NAMES, *WORDS])}", "no-such-field")


def _given(terms: list[_Term]) -> dict[int, int]:
    """Return the values of the terms, by field."""
    names: dict[int, str] = {}
    given: dict[int, int] = {}
    for _, word, name, value in terms:
        if name is None:
            continue
        if name.field in given:
            raise _refused(word, f"the field is given twice, as {names[name.field]} too; leave one out", "given-twice")
        names[name.field], given[name.field] = word, value
    priority = given.pop(VLAN_PRIORITY, None)
    if priority is not None:
        if names.get(VLAN) == "vlan_tci":
            raise _refused(names[VLAN_PRIORITY], "vlan_tci has the priority already; leave one out", "given-twice")
        given[VLAN] = given.get(VLAN, VLAN_PRESENT) | priority << 13
    return given


def _agreed(found: Mapping[int, _Term], what: str) -> int | None:
    """Return the only number that the terms imply."""
    if len(found) > 1:
        first, second = list(found.values())[:2]
        message = f"{first.text} and {second.text} are of different {what}; leave one out"
        raise _refused(second.word, message, "contradiction")
    return next(iter(found), None)


def _kind(terms: list[_Term], defaults: Mapping[int, int]) -> int:
    """Return the ethertype that the terms agree on."""
    found: dict[int, _Term] = {}
    for kind, term in _kinds(terms):
        found.setdefault(kind, term)
    either = next((term for term in terms if term.word in _EITHER_VERSION), None)
    if either and not found.keys() <= {IP4, IP6}:
        found[IP4] = either
    agreed = _agreed(found, "ethertypes")
    default = defaults.get(DL_TYPE, 0)
    if agreed is not None:
        return agreed
    if default in (IP4, IP6):
        return default
    if either or any(term.name and (term.name.needs or term.name.proto) for term in terms):
        return IP6 if defaults.get(NW_SRC, 0) & IPV6 else IP4
    if default:
        return default
    raise _refused("packet", f"names no protocol; begin with one of {', '.join(WORDS)}, as in {_EXAMPLE}", "missing")


def _kinds(terms: list[_Term]) -> Iterator[tuple[int, _Term]]:
    """Yield the ethertypes that terms imply."""
    for term in terms:
        name = term.name
        if name is None:
            if term.word in WORDS and term.word not in _EITHER_VERSION:
                yield WORDS[term.word][0], term
        elif name.field == DL_TYPE:
            yield term.value, term
        elif name.kind is not None:
            yield name.kind, term
        elif term.value & IPV6:
            yield IP6, term


def _proto(terms: list[_Term], kind: int) -> int | None:
    """Return the IP protocol, or the operation of ARP, that the terms agree on."""
    found: dict[int, _Term] = {}
    for term in terms:
        proto = _implied(term, kind)
        if proto is not None:
            found.setdefault(proto, term)
    return _agreed(found, "protocols")


def _implied(term: _Term, kind: int) -> int | None:
    name = term.name
    if name is None:
        return WORDS[term.word][1] if term.word in WORDS else None
    if name.field == NW_PROTO:
        return term.value
    if kind not in (IP4, IP6):
        return None
    if name.needs in ("icmp", "echo", "error"):
        return ICMP6 if kind == IP6 else ICMP
    return name.proto
