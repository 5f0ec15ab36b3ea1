"""What ties objects together, as single operations: link ports, bind one to a host, add a member to a list or a part.

Each is a verb of a kind, takes JSON values by name and comes to one operation of a command. Whoever offers commands (a
command line, an API) offers exactly these. Pure.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from midonet.events.commands.command import AddItem, Create, Delete, Op, RemoveItem, Update
from midonet.events.model import KINDS, FieldSpec

_Make = Callable[[str, Mapping[str, Any]], Op]


class Link(NamedTuple):
    """One verb: what it is for, what it takes, and the operation that it comes to for an object (a REF) and values."""

    help: str
    required: Mapping[str, FieldSpec]
    optional: Mapping[str, FieldSpec]
    make: _Make


def _set(kind: str, text: str, *fields: str) -> Link:
    """Set fields, but never take them away from others."""
    specs = {name: KINDS[kind].fields[name] for name in fields}
    return Link(text, specs, {}, lambda ref, values: Update(kind, ref, dict(values), vacant=fields))


def _clear(kind: str, text: str, *fields: str) -> Link:
    return Link(text, {}, {}, lambda ref, _: Update(kind, ref, dict.fromkeys(fields)))


def _item(op: type[AddItem | RemoveItem], kind: str, field: str, text: str, *names: str, also: str = "") -> Link:
    """Add an element to a list field, or remove it; without `names` the element is a value and called like the kind."""
    spec = KINDS[kind].fields[field]
    parts = {part.name: part for part in spec.parts}
    if not parts:
        name = field.removesuffix("s")
        return Link(text, {name: spec}, {}, lambda ref, values: op(kind, ref, field, values[name]))
    optional = {also: parts[also]} if also else {}
    return Link(
        text, {name: parts[name] for name in names}, optional, lambda ref, values: op(kind, ref, field, dict(values))
    )


def _part(part: str, owner: str, text: str, *required: str) -> Link:
    """Create a part of an object."""
    fields = {name: spec for name, spec in KINDS[part].writable.items() if name != owner}
    extra = {"id": KINDS[part].fields["id"]}
    if part == "rule":
        extra["index"] = KINDS[part].fields["index"]
    return Link(
        text,
        {name: fields[name] for name in required},
        {name: spec for name, spec in fields.items() if name not in required} | extra,
        lambda ref, values: Create(part, {owner: ref, **values}),
    )


def _no_part(part: str, owner: str, text: str, *required: str, **defaults: Any) -> Link:
    """Delete the part of an object that has these values."""
    fields = KINDS[part].fields
    return Link(
        text,
        {name: fields[name] for name in required},
        {name: fields[name] for name in defaults},
        lambda ref, values: Delete(part, where={owner: ref, **defaults, **values}),
    )


LINKS: Mapping[str, Mapping[str, Link]] = {
    "port": {
        "link": _set("port", "Link two ports; refused if one is linked elsewhere.", "peer"),
        "unlink": _clear("port", "Unlink a port and its peer.", "peer"),
        "bind": _set("port", "Bind a port to an interface of a host; refused if it is bound.", "host", "interface"),
        "unbind": _clear("port", "Release a port from its host.", "host", "interface"),
    },
    "tunnel-zone": {
        "add-member": _item(AddItem, "tunnel-zone", "members", "Add a host to a tunnel zone.", "host", "address"),
        "remove-member": _item(RemoveItem, "tunnel-zone", "members", "Remove a host from a tunnel zone.", "host"),
    },
    "vtep": {
        "bind": _part(
            "vtep-binding", "vtep", "Make a VLAN of a VTEP's port a part of a bridge.", "physical_port", "bridge"
        ),
        "unbind": _no_part(
            "vtep-binding", "vtep", "Release a VLAN of a VTEP's port from its bridge.", "physical_port", vlan=0
        ),
    },
    "bridge": {
        "add-mac": _part("mac-entry", "bridge", "Add a static entry to a bridge's MAC table.", "mac", "port"),
        "remove-mac": _no_part("mac-entry", "bridge", "Remove an entry from a bridge's MAC table.", "mac", vlan=0),
        "add-arp": _part("arp-entry", "bridge", "Add a static entry to a bridge's ARP table.", "ip", "mac"),
        "remove-arp": _no_part("arp-entry", "bridge", "Remove an entry from a bridge's ARP table.", "ip"),
    },
    "chain": {
        "add-rule": _part("rule", "chain", "Add a rule to a chain, at the end or at a place.", "action"),
        "remove-rule": _no_part("rule", "chain", "Remove a rule from a chain, by its place.", "index"),
    },
    "port-group": {
        "add-port": _item(AddItem, "port-group", "ports", "Add a port to a group."),
        "remove-port": _item(RemoveItem, "port-group", "ports", "Remove a port from a group."),
    },
    "ip-addr-group": {
        "add-address": _item(
            AddItem, "ip-addr-group", "addresses", "Add an address to a group.", "address", also="ports"
        ),
        "remove-address": _item(RemoveItem, "ip-addr-group", "addresses", "Remove an address from a group.", "address"),
    },
    "host-group": {
        "add-host": _item(AddItem, "host-group", "hosts", "Add a host to a group."),
        "remove-host": _item(RemoveItem, "host-group", "hosts", "Remove a host from a group."),
    },
    "pool": {
        "add-member": _part("pool-member", "pool", "Add a server to a pool.", "address", "protocol_port"),
        "remove-member": _no_part("pool-member", "pool", "Remove a server from a pool.", "address", "protocol_port"),
    },
}
"""Kind → verb → what it is."""
