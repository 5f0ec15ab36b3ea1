"""Write the reference of all kinds and fields, docs/model.md, from the model's declarations (`make docs`)."""

from pathlib import Path

from midonet.events.model import KINDS, FieldSpec, Kind, OnDelete
from midonet.events.reason_codes import REASONS

__all__ = ["reference"]

_HEAD = """# The model

This page lists every kind of object with its fields. `make docs` generates it from the declarations, and a test
compares it with them. Every object also has `id`, `kind`, `name` and `position`. Fields in *italics* are allocated or
derived and cannot be set.

*On delete* states what the deletion of the referenced object does: `delete` deletes this object, `clear` clears the
field, `refuse` refuses the deletion.
"""
_REASONS = """## Reason codes

The details of an error (`invalid-value`, `conflict`, `in-use`) have a `reason`. These codes are stable.

| reason | meaning |
|---|---|"""
_ACTIONS = {OnDelete.DELETE: "delete", OnDelete.CLEAR: "clear", OnDelete.REFUSE: "refuse"}


_ADDRESSES = """## Addresses

Conventions, and where they come from. What breaks one is refused with the reason code in brackets.

- MAC addresses are read in all common notations (`02:00:00:00:00:01`, `02-00-…`, `0200.0000.0001`, `020000000001`),
  stored and printed in lower case with colons.
- IP addresses have no scope (`%eth0`, RFC 4007) and no IPv4-mapped form (`bad-ip`).
- A router, host, gateway, switch or DHCP client has the address of a host: not multicast, broadcast, unspecified, nor
  the network address of an IPv4 prefix shorter than /31 (RFC 3021) (`not-a-host-address`).
- The prefixes of two ports of a router do not overlap (as in Neutron); one port can have several addresses in a prefix
  (as on Linux) (`address-on-router`).
- The gateway of a route is in a prefix of its port, link-local, or the port has no address of that IP version (as on
  Linux) (`gateway-not-in-subnet`). DHCP hands out addresses of its subnet (`address-not-in-subnet`).
- A rule, a route and a NAT target are of one IP version (`ip-versions-differ`); ARP has no transport header
  (`not-for-arp`).
- VLAN 4095 is reserved (IEEE 802.1Q) (`bad-vlan-id`). Two VTEPs have no tunnel address in common (`tunnel-ip-taken`).
"""


def reference() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *map(_section, KINDS.values()), _ADDRESSES, _REASONS, *map(_reason, REASONS.items()), ""])


def _reason(item: tuple[str, str]) -> str:
    return "| `{}` | {} |".format(*item)


def _section(kind: Kind) -> str:
    rows = [_row(spec) for name, spec in kind.fields.items() if name not in ("id", "name", "position")]
    facts = []
    if kind.cls.NESTED:
        parents = " or ".join(f"`{kind.ref_of[owner].kind}`" for owner in kind.cls.OWNER)
        facts.append(f"In YAML it can be nested under `{kind.cls.NESTED}` of its {parents}.")
    facts += [f"Unique: {' and '.join(f'`{field}`' for field in fields)}." for fields in kind.cls.UNIQUE]
    return "\n".join(
        [
            f"## {kind.name}\n",
            " ".join([kind.help, *facts]) + "\n",
            "| field | value | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(spec: FieldSpec) -> str:
    name = f"*`{spec.name}`*" if spec.derived else f"`{spec.name}`"
    default = "required" if spec.required else "" if spec.default in (None, ()) else f"`{str(spec.default).lower()}`"
    return f"| {name} | {_type(spec)} | {default} | {spec.help} |"


def _type(spec: FieldSpec) -> str:
    if spec.ref is not None:
        word = _reference(spec)
    elif spec.parts:
        word = "{" + ", ".join(part.name for part in spec.parts) + "}"
    elif spec.choices:
        word = ", ".join(f"`{choice}`" for choice in spec.choices)
    else:
        word = spec.format.name if spec.format else spec.base.__name__
    return f"list of {word}" if spec.many else word


def _reference(spec: FieldSpec) -> str:
    assert spec.ref is not None  # noqa: S101 - asked by the caller
    cascade = f"; with `--cascade`: {_ACTIONS[spec.ref.cascade]}" if spec.ref.on_delete is OnDelete.REFUSE else ""
    return f"{spec.ref.kind.replace('|', ' or ')} (on delete: {_ACTIONS[spec.ref.on_delete]}{cascade})"


if __name__ == "__main__":
    Path(__file__).with_name("model.md").write_text(reference())
