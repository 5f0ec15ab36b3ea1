"""The verbs of a kind beside create, set, clear and delete, such as `port link` and `tunnel-zone add-member`.

One table for the command line and the API: each verb takes an object and values by name, and makes one operation of a
command. Pure.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from midonet.events.commands.command import AddItem, Create, Delete, Op, RemoveItem, Update
from midonet.events.model import KINDS, FieldSpec
from midonet.events.model.fields import Format

_Make = Callable[[str, Mapping[str, Any]], Op]


class Argument(NamedTuple):
    """One value that a verb takes: its type, help text and choices are those of a field."""

    spec: FieldSpec
    required: bool = True
    positional: bool = False
    """Whether the command line takes it by its place; all others are options."""


class Verb(NamedTuple):
    """One verb of a kind; `make` returns its operation for an object (id, name or prefix) and JSON values by name."""

    help: str
    arguments: Mapping[str, Argument]
    make: _Make


def _arguments(
    specs: Iterable[FieldSpec], required: Iterable[str], positional: Iterable[str] = ()
) -> Mapping[str, Argument]:
    """Return the arguments for fields: positional ones first, then required ones, then optional ones."""
    fields, needed, placed = {spec.name: spec for spec in specs}, set(required), list(positional)
    names = dict.fromkeys([*placed, *(name for name in fields if name in needed), *fields])
    return {name: Argument(fields[name], name in needed, name in placed) for name in names}


def _set(kind: str, text: str, *fields: str, positional: Iterable[str] = ()) -> Verb:
    """Set fields; refused if one of them has another value already."""
    specs = [KINDS[kind].fields[name] for name in fields]
    return Verb(
        text,
        _arguments(specs, fields, positional),
        lambda ref, values: Update(kind, ref, dict(values), vacant=fields),
    )


def _clear(kind: str, text: str, *fields: str) -> Verb:
    """Set fields back to null."""
    return Verb(text, {}, lambda ref, _: Update(kind, ref, dict.fromkeys(fields)))


def _add(kind: str, field: str, text: str, *positional: str) -> Verb:
    """Add an element to a list field; it is a structure with parts, or one value."""
    spec = KINDS[kind].fields[field]
    if not spec.parts:
        return _one_value(AddItem, kind, spec, text)
    required = [part.name for part in spec.parts if part.required]
    arguments = _arguments(spec.parts, required, positional)
    return Verb(text, arguments, lambda ref, values: AddItem(kind, ref, field, dict(values)))


def _remove(kind: str, field: str, text: str, part: str = "", *, positional: bool = False) -> Verb:
    """Remove the element of a list field whose `part` has a value, or that is the value."""
    spec = KINDS[kind].fields[field]
    if not spec.parts:
        return _one_value(RemoveItem, kind, spec, text)
    specs = [one for one in spec.parts if one.name == part]
    arguments = _arguments(specs, [part], [part] if positional else [])
    return Verb(text, arguments, lambda ref, values: RemoveItem(kind, ref, field, dict(values)))


def _one_value(op: type[AddItem | RemoveItem], kind: str, spec: FieldSpec, text: str) -> Verb:
    one = replace(spec, name=spec.name.removesuffix("s"), many=False, required=True, default=None)
    return Verb(
        text,
        _arguments([one], [one.name], [one.name]),
        lambda ref, values: op(kind, ref, spec.name, values[one.name]),
    )


def _create(part: str, owner: str, text: str, *required: str, positional: Iterable[str] = ()) -> Verb:
    """Create a part of an object."""
    kind = KINDS[part]
    specs = [spec for name, spec in kind.writable.items() if name != owner]
    place = [kind.fields["index"]] if part == "rule" else []
    arguments = _arguments([*specs, *place, kind.fields["id"]], required, positional)
    return Verb(text, arguments, lambda ref, values: Create(part, {owner: ref, **values}))


def _delete(part: str, owner: str, text: str, *required: str, positional: Iterable[str] = (), **defaults: Any) -> Verb:
    """Delete the part of an object that has these values."""
    specs = [KINDS[part].fields[name] for name in (*required, *defaults)]
    return Verb(
        text,
        _arguments(specs, required, positional),
        lambda ref, values: Delete(part, where={owner: ref, **defaults, **values}),
    )


def _remove_rule(ref: str, values: Mapping[str, Any]) -> Op:
    rule = values["index"]
    if isinstance(rule, str) and not re.fullmatch("[0-9]{1,18}", rule):
        return Delete("rule", rule)
    return Delete("rule", where={"chain": ref, "index": int(rule) if isinstance(rule, str) else rule})


_INDEX_OR_REF = replace(
    KINDS["rule"].fields["index"], base=str, help="Index in the chain, id or name.", format=Format("index|ref", str)
)

VERBS: Mapping[str, Mapping[str, Verb]] = {
    "port": {
        "link": _set("port", "Link two ports; refused if one is linked elsewhere.", "peer", positional=["peer"]),
        "unlink": _clear("port", "Unlink a port and its peer.", "peer"),
        "bind": _set(
            "port", "Bind a port to an interface of a host; refused if it is bound elsewhere.", "host", "interface"
        ),
        "unbind": _clear("port", "Unbind a port from its host.", "host", "interface"),
    },
    "tunnel-zone": {
        "add-member": _add("tunnel-zone", "members", "Add a host to a tunnel zone."),
        "remove-member": _remove("tunnel-zone", "members", "Remove a host from a tunnel zone.", "host"),
    },
    "vtep": {
        "bind": _create("vtep-binding", "vtep", "Bind a VLAN of a VTEP's port to a bridge.", "physical_port", "bridge"),
        "unbind": _delete(
            "vtep-binding", "vtep", "Unbind a VLAN of a VTEP's port from its bridge.", "physical_port", vlan=0
        ),
    },
    "bridge": {
        "add-mac": _create(
            "mac-entry", "bridge", "Add a static entry to a bridge's MAC table.", "mac", "port", positional=["mac"]
        ),
        "remove-mac": _delete(
            "mac-entry", "bridge", "Remove a static entry from a bridge's MAC table.", "mac", positional=["mac"], vlan=0
        ),
        "add-arp": _create(
            "arp-entry", "bridge", "Add a static entry to a bridge's ARP table.", "ip", "mac", positional=["ip", "mac"]
        ),
        "remove-arp": _delete(
            "arp-entry", "bridge", "Remove a static entry from a bridge's ARP table.", "ip", positional=["ip"]
        ),
    },
    "chain": {
        "add-rule": _create("rule", "chain", "Add a rule to a chain, at the end or at an index.", "action"),
        "remove-rule": Verb(
            "Remove a rule from a chain, by its index, id or name.",
            {"index": Argument(_INDEX_OR_REF, positional=True)},
            _remove_rule,
        ),
    },
    "port-group": {
        "add-port": _add("port-group", "ports", "Add a port to a group."),
        "remove-port": _remove("port-group", "ports", "Remove a port from a group."),
    },
    "ip-addr-group": {
        "add-address": _add("ip-addr-group", "addresses", "Add an address to a group.", "address"),
        "remove-address": _remove(
            "ip-addr-group", "addresses", "Remove an address from a group.", "address", positional=True
        ),
    },
    "host-group": {
        "add-host": _add("host-group", "hosts", "Add a host to a group."),
        "remove-host": _remove("host-group", "hosts", "Remove a host from a group."),
    },
    "pool": {
        "add-member": _create("pool-member", "pool", "Add a server to a pool.", "address", "protocol_port"),
        "remove-member": _delete("pool-member", "pool", "Remove a server from a pool.", "address", "protocol_port"),
    },
    "dhcp-subnet": {
        "add-host": _add("dhcp-subnet", "hosts", "Reserve an address for a DHCP client.", "mac"),
        "remove-host": _remove("dhcp-subnet", "hosts", "Remove the reservation of a client.", "mac", positional=True),
        "add-route": _add("dhcp-subnet", "routes", "Add a classless static route (option 121).", "destination"),
        "remove-route": _remove(
            "dhcp-subnet", "routes", "Remove a classless static route.", "destination", positional=True
        ),
    },
    "dhcpv6-subnet": {
        "add-host": _add("dhcpv6-subnet", "hosts", "Reserve an address for a DHCPv6 client.", "client_id"),
        "remove-host": _remove(
            "dhcpv6-subnet", "hosts", "Remove the reservation of a client.", "client_id", positional=True
        ),
    },
}
"""Kind → verb → what it takes and makes."""
