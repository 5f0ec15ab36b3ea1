"""Why a command is refused, for machines: the `reason` in the details of every `InvalidValue`, `Conflict` and `InUse`.

These words are stable; the messages for people are not. A test holds the list to what the code raises.
"""

from collections.abc import Mapping

from midonet.events.model import KINDS, FieldSpec

_WORDS: Mapping[str, str] = {
    "tunnel-ip-taken": "Another VTEP has that tunnel address.",
    "not-for-arp": "The term does not go with dl_type arp.",
    "not-a-host-address": "A multicast, broadcast, network or unspecified address where a host's is needed.",
    "gateway-not-in-subnet": "The gateway is in no prefix of the port that leads to it.",
    "address-on-router": "The router has that address, or one of an overlapping prefix, already.",
    "address-not-in-subnet": "The address is not in the subnet.",
    "bad-document": "A document or a list of parts is not of the expected shape.",
    "bad-key": "A key of a view must be one line of text.",
    "bad-name": "The name is not valid for a projection, service or node.",
    "bad-range": "The two ends do not form a range of addresses.",
    "bad-reference": "A reference is not text.",
    "bad-value": "A value is outside its type, its range or its choices.",
    "bad-tag-name": "The name is not valid for a tag.",
    "bad-yaml": "A file is not valid YAML, or uses an ambiguous form.",
    "bound-and-linked": "A port cannot be bound to a host and linked to a peer.",
    "cannot-revert": "The commit cannot be reverted; `conflicts` lists the causes.",
    "cannot-move": "An object cannot change its parent.",
    "contradiction": "Two terms of a packet's text name different protocols.",
    "described-twice": "Two documents describe the same object.",
    "dhcp-host-exists": "The subnet has a host with that MAC address, client id or address.",
    "follows-another": "The object is derived and changes only with its source (LOCAL route, VXLAN port, redirect).",
    "fragment-policy": "The fragment policy is incompatible with layer-4 terms or with that translation.",
    "given-twice": "The text of a packet has a field twice.",
    "half-bound": "A binding needs both a host and an interface.",
    "host-in-group": "The host is in the group already.",
    "host-in-no-tunnel-zone": "A port can be bound only to a host that is in a tunnel zone.",
    "id-taken": "Another object has that id.",
    "in-tunnel-zone": "The host or the address is in the tunnel zone already.",
    "in-use": "Other objects refer to the object; `--cascade` clears the references or deletes the objects.",
    "inverts-nothing": "An `inv_…` inverts a condition that is not set.",
    "ip-in-group": "The address is in the group already.",
    "ip-versions-differ": "Source and destination are of different IP versions.",
    "jumps-to-itself": "A rule cannot jump to its own chain.",
    "linked-to-itself": "A port cannot be linked to itself.",
    "missing": "A required field has no value.",
    "needed-by-action": "The action of the rule needs that field.",
    "needs-name": "The object needs a name (or, in a document, an id).",
    "needs-port": "A route with next_hop port needs a port.",
    "no-such-field": "The kind has no such field, or the structure has no such part.",
    "no-such-kind": "A document names no kind, or a kind that is not allowed there.",
    "no-such-tenant": "There are tenants, but none of that name.",
    "not-a-bridge-port": "The port must be one of a bridge.",
    "not-a-router-port": "The port must be one of a router.",
    "not-a-vtep-tunnel-zone": "The tunnel zone of a VTEP must be of type vtep.",
    "not-for-bridge-port": "Only a router port has that field.",
    "not-for-protocol": "A packet of that protocol does not have the field.",
    "not-for-router-port": "Only a bridge port has that field.",
    "not-for-this-action": "The field belongs to other actions of rules.",
    "not-for-this-next-hop": "A route of this type has neither port nor gateway.",
    "occupied": "The port is bound or linked elsewhere.",
    "protected-and-serving": "A port cannot both be protected by insertions and serve them.",
    "one-owner": "The object must have exactly one parent of several possible kinds.",
    "other-parent": "A part names a parent other than the one that it is nested in.",
    "peer-linked": "The peer is linked to another port.",
    "place-out-of-range": "The position is outside the chain.",
    "pool-exhausted": "All numbers of the range are allocated.",
    "port-in-group": "The port is in the group already.",
    "port-not-on-bridge": "The port is not on that bridge.",
    "port-not-on-router": "The port is not on that router.",
    "read-only": "The field is allocated or derived by the system.",
    "same-port": "A port cannot be its own service function.",
    "tag-taken": "The tag names another position.",
    "too-many-keys": "The projection has reached the maximum number of skipped keys.",
    "vip-exists": "The load balancer has that virtual address and port.",
    "vlan-and-no-vlan": "A packet cannot both have a VLAN tag and have none.",
    "vlan-mismatch": "The port is in another VLAN.",
    "vtep-has-host-ip": "The address of the VTEP is one of a host: in its tunnel zone, or reported by a live host.",
    "vxlan-port": "A VXLAN port cannot be bound or linked.",
}


def _formats(specs: Mapping[str, FieldSpec]) -> Mapping[str, str]:
    """Return a reason for every format of a field, or of a part inside one."""
    found: dict[str, str] = {}
    for spec in specs.values():
        if spec.format is not None:
            found[spec.format.reason] = f"A value does not have the format {spec.format.name}."
        found |= _formats({part.name: part for part in spec.parts})
    return found


REASONS: Mapping[str, str] = dict(
    sorted(
        {
            **_WORDS,
            **{reason: text for kind in KINDS.values() for reason, text in _formats(kind.fields).items()},
            "bad-id": "A value is not a UUID.",
            **{
                reason: f"Another {kind.name} has the same {' and '.join(fields)}."
                for kind in KINDS.values()
                for fields, reason in kind.cls.UNIQUE.items()
            },
        }.items()
    )
)
"""Reason → what is wrong, in one sentence."""
