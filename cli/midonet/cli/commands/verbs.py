"""The commands that tie objects together: what `port link` or `vtep bind` come to in commands of the core.

Each is a function from its arguments to one operation, named `<kind>.<verb>`; its docstring is the help.
"""

from collections.abc import Callable, Sequence
from typing import Any

import click

from midonet.cli.commands.objects import ID, PLACE, FieldOption, created_fields, field_options, given, ref_argument
from midonet.cli.framework.command import Command, DataOption, command
from midonet.cli.options.options import WRITE
from midonet.cli.session.session import Session
from midonet.cli.session.write import write
from midonet.events.commands import verbs
from midonet.events.commands.command import AddItem, Delete, Op, RemoveItem
from midonet.events.model import kind_of

LINKS: dict[str, list[Command]] = {}
"""Kind → its link commands."""

_Build = Callable[..., Op]


def link(kind: str, verb: str, *params: click.Parameter, examples: Sequence[str]) -> Callable[[_Build], _Build]:
    """Make a command of a function that returns the operation for the arguments."""

    def make(build: _Build) -> _Build:
        def run(session: Session, **values: Any) -> None:
            write(session, f"{kind}.{verb}", [build(**values)])

        run.__doc__ = build.__doc__
        lines = "\n".join(f"  midoctl {kind} {verb} {line}" for line in examples)
        LINKS.setdefault(kind, []).append(command(verb, *params, shared=WRITE, examples=lines)(run))
        return build

    return make


def _field(kind: str, name: str, *, required: bool = True) -> FieldOption:
    return FieldOption(kind_of(kind).fields[name], required=required)


def object_argument(kind: str, metavar: str | None = None) -> click.Argument:
    """Return the argument that names the object of a link command."""
    metavar = metavar or kind.rpartition("-")[2].upper()
    return ref_argument(kind, metavar.lower(), metavar)


def _made(kind: str, verb: str, ref: str, **values: Any) -> Op:
    return verbs.VERBS[kind][verb].make(ref, values)


def _part(kind: str, verb: str, part: str, ref: str, values: dict[str, Any]) -> Op:
    return _made(kind, verb, ref, **created_fields(kind_of(part), values))


def _no_part(kind: str, verb: str, part: str, ref: str, values: dict[str, Any]) -> Op:
    return _made(kind, verb, ref, **given(kind_of(part), values))


@link("port", "link", object_argument("port", "A"), object_argument("port", "B"), examples=["edge/down web/up"])
def _port_link(a: str, b: str) -> Op:
    """Link two ports, e.g. one of a bridge and one of a router; refused if one is linked elsewhere."""
    return _made("port", "link", a, peer=b)


@link("port", "unlink", object_argument("port", "A"), examples=["web/up"])
def _port_unlink(a: str) -> Op:
    """Unlink a port and its peer."""
    return _made("port", "unlink", a)


@link(
    "port",
    "bind",
    object_argument("port"),
    _field("port", "host"),
    _field("port", "interface"),
    examples=["web/p1 --host hv1 --interface tap1"],
)
def _port_bind(port: str, host: str, interface: str) -> Op:
    """Bind a port to an interface of a host; refused if it is bound elsewhere."""
    return _made("port", "bind", port, host=host, interface=interface)


@link("port", "unbind", object_argument("port"), examples=["web/p1"])
def _port_unbind(port: str) -> Op:
    """Release a port from its host."""
    return _made("port", "unbind", port)


def member(name: str, metavar: str, text: str, *, required: bool = True) -> DataOption:
    """Return the option for a part of an element of a list."""
    return DataOption([f"--{name}"], metavar=metavar, help=text, required=required)


@link(
    "tunnel-zone",
    "add-member",
    object_argument("tunnel-zone"),
    member("host", "HOST", "Host that joins."),
    member("address", "IP", "Its address in the underlay."),
    examples=["underlay --host hv1 --address 192.0.2.1"],
)
def _zone_add(zone: str, host: str, address: str) -> Op:
    """Add a host to a tunnel zone."""
    return _made("tunnel-zone", "add-member", zone, host=host, address=address)


@link(
    "tunnel-zone",
    "remove-member",
    object_argument("tunnel-zone"),
    member("host", "HOST", "Host that leaves."),
    examples=["underlay --host hv1"],
)
def _zone_remove(zone: str, host: str) -> Op:
    """Remove a host from a tunnel zone."""
    return _made("tunnel-zone", "remove-member", zone, host=host)


@link(
    "vtep",
    "bind",
    object_argument("vtep"),
    _field("vtep-binding", "physical_port"),
    _field("vtep-binding", "vlan", required=False),
    _field("vtep-binding", "bridge"),
    ID,
    examples=["tor1 --physical-port eth1 --vlan 100 --bridge web"],
)
def _vtep_bind(vtep: str, **values: Any) -> Op:
    """Make a VLAN of a VTEP's port a part of a bridge."""
    return _part("vtep", "bind", "vtep-binding", vtep, values)


@link(
    "vtep",
    "unbind",
    object_argument("vtep"),
    _field("vtep-binding", "physical_port"),
    _field("vtep-binding", "vlan", required=False),
    examples=["tor1 --physical-port eth1 --vlan 100"],
)
def _vtep_unbind(vtep: str, **values: Any) -> Op:
    """Release a VLAN of a VTEP's port from its bridge."""
    return _no_part("vtep", "unbind", "vtep-binding", vtep, values)


@link(
    "bridge",
    "add-mac",
    object_argument("bridge"),
    click.Argument(["mac"]),
    _field("mac-entry", "port"),
    _field("mac-entry", "vlan", required=False),
    ID,
    examples=["web 02:00:00:00:00:01 --port web/p1"],
)
def _add_mac(bridge: str, **values: Any) -> Op:
    """Add a static entry to a bridge's MAC table."""
    return _part("bridge", "add-mac", "mac-entry", bridge, values)


@link(
    "bridge",
    "remove-mac",
    object_argument("bridge"),
    click.Argument(["mac"]),
    _field("mac-entry", "vlan", required=False),
    examples=["web 02:00:00:00:00:01"],
)
def _remove_mac(bridge: str, **values: Any) -> Op:
    """Remove a static entry from a bridge's MAC table."""
    return _no_part("bridge", "remove-mac", "mac-entry", bridge, values)


@link(
    "bridge",
    "add-arp",
    object_argument("bridge"),
    click.Argument(["ip"]),
    click.Argument(["mac"]),
    ID,
    examples=["web 10.0.0.9 02:00:00:00:00:01"],
)
def _add_arp(bridge: str, **values: Any) -> Op:
    """Add a static entry to a bridge's ARP table."""
    return _part("bridge", "add-arp", "arp-entry", bridge, values)


@link("bridge", "remove-arp", object_argument("bridge"), click.Argument(["ip"]), examples=["web 10.0.0.9"])
def _remove_arp(bridge: str, **values: Any) -> Op:
    """Remove a static entry from a bridge's ARP table."""
    return _no_part("bridge", "remove-arp", "arp-entry", bridge, values)


@link(
    "chain",
    "add-rule",
    object_argument("chain"),
    *field_options(kind_of("rule"), without=["chain"]),
    PLACE,
    ID,
    examples=["web-in --action accept --nw-proto tcp --tp-dst 443", "web-in --at-index 1 --action drop"],
)
def _add_rule(chain: str, **values: Any) -> Op:
    """Add a rule to a chain, at the end or at a place."""
    return _part("chain", "add-rule", "rule", chain, values)


@link(
    "chain",
    "remove-rule",
    object_argument("chain"),
    click.Argument(["rule"], metavar="INDEX|REF"),
    examples=["web-in 2"],
)
def _remove_rule(chain: str, rule: str) -> Op:
    """Remove a rule from a chain, by its place or by id or name."""
    if rule.isascii() and rule.isdigit():
        return _no_part("chain", "remove-rule", "rule", chain, {"index": rule})
    return Delete("rule", rule)


@link("port-group", "add-port", object_argument("port-group"), object_argument("port"), examples=["uplinks edge/up"])
def _group_add_port(group: str, port: str) -> Op:
    """Add a port to a group."""
    return _made("port-group", "add-port", group, port=port)


@link("port-group", "remove-port", object_argument("port-group"), object_argument("port"), examples=["uplinks edge/up"])
def _group_remove_port(group: str, port: str) -> Op:
    """Remove a port from a group."""
    return _made("port-group", "remove-port", group, port=port)


@link(
    "ip-addr-group",
    "add-address",
    object_argument("ip-addr-group"),
    click.Argument(["address"]),
    click.Option(["--ports"], metavar="PORT", multiple=True, help="Ports that have the address (repeatable)."),
    examples=["trusted 10.0.0.5", "trusted 10.0.0.7 --ports web/p1"],
)
def _group_add_address(group: str, address: str, ports: Sequence[str]) -> Op:
    """Add an address to a group."""
    listed = [port for word in ports for port in word.split(",")]
    return _made("ip-addr-group", "add-address", group, address=address, ports=listed)


@link(
    "ip-addr-group",
    "remove-address",
    object_argument("ip-addr-group"),
    click.Argument(["address"]),
    examples=["trusted 10.0.0.5"],
)
def _group_remove_address(group: str, address: str) -> Op:
    """Remove an address from a group."""
    return _made("ip-addr-group", "remove-address", group, address=address)


@link("host-group", "add-host", object_argument("host-group"), object_argument("host"), examples=["rack1 hv1"])
def _group_add_host(group: str, host: str) -> Op:
    """Add a host to a group."""
    return _made("host-group", "add-host", group, host=host)


@link("host-group", "remove-host", object_argument("host-group"), object_argument("host"), examples=["rack1 hv1"])
def _group_remove_host(group: str, host: str) -> Op:
    """Remove a host from a group."""
    return _made("host-group", "remove-host", group, host=host)


@link(
    "pool",
    "add-member",
    object_argument("pool"),
    _field("pool-member", "address"),
    _field("pool-member", "protocol_port"),
    _field("pool-member", "weight", required=False),
    ID,
    examples=["servers --address 10.0.0.5 --protocol-port 8080 --weight 2"],
)
def _pool_add(pool: str, **values: Any) -> Op:
    """Add a server to a pool."""
    return _part("pool", "add-member", "pool-member", pool, values)


@link(
    "pool",
    "remove-member",
    object_argument("pool"),
    _field("pool-member", "address"),
    _field("pool-member", "protocol_port"),
    examples=["servers --address 10.0.0.5 --protocol-port 8080"],
)
def _pool_remove(pool: str, **values: Any) -> Op:
    """Remove a server from a pool."""
    return _no_part("pool", "remove-member", "pool-member", pool, values)


_SUBNET = object_argument("dhcp-subnet")


_SUBNET6 = object_argument("dhcpv6-subnet")


_NAME = member("name", "NAME", "Its name.", required=False)


def _given(**parts: str | None) -> dict[str, str]:
    return {part: text for part, text in parts.items() if text is not None}


@link(
    "dhcp-subnet",
    "add-host",
    _SUBNET,
    click.Argument(["mac"]),
    member("address", "IP", "Address that it gets."),
    _NAME,
    examples=["SUBNET 02:00:00:00:00:07 --address 10.0.0.7 --name vm7"],
)
def _add_host(subnet: str, **parts: str | None) -> Op:
    """Give a client an address of its own."""
    return AddItem("dhcp-subnet", subnet, "hosts", _given(**parts))


@link("dhcp-subnet", "remove-host", _SUBNET, click.Argument(["mac"]), examples=["SUBNET 02:00:00:00:00:07"])
def _remove_host(subnet: str, mac: str) -> Op:
    """Take the address of a client back."""
    return RemoveItem("dhcp-subnet", subnet, "hosts", {"mac": mac})


@link(
    "dhcp-subnet",
    "add-route",
    _SUBNET,
    click.Argument(["destination"], metavar="CIDR"),
    member("gateway", "IP", "Where it leads through."),
    examples=["SUBNET 172.16.0.0/12 --gateway 10.0.0.254"],
)
def _add_route(subnet: str, **parts: str | None) -> Op:
    """Tell clients a static route (option 121)."""
    return AddItem("dhcp-subnet", subnet, "routes", _given(**parts))


@link(
    "dhcp-subnet",
    "remove-route",
    _SUBNET,
    click.Argument(["destination"], metavar="CIDR"),
    examples=["SUBNET 172.16.0.0/12"],
)
def _remove_route(subnet: str, destination: str) -> Op:
    """Tell clients a static route no more."""
    return RemoveItem("dhcp-subnet", subnet, "routes", {"destination": destination})


@link(
    "dhcpv6-subnet",
    "add-host",
    _SUBNET6,
    click.Argument(["client_id"], metavar="CLIENT-ID"),
    member("address", "IP", "Address that it gets."),
    _NAME,
    examples=["SUBNET 00:03:00:01:02:00:00:00:00:07 --address 2001:db8::7"],
)
def _add_host6(subnet: str, **parts: str | None) -> Op:
    """Give a client an address of its own."""
    return AddItem("dhcpv6-subnet", subnet, "hosts", _given(**parts))


@link(
    "dhcpv6-subnet",
    "remove-host",
    _SUBNET6,
    click.Argument(["client_id"], metavar="CLIENT-ID"),
    examples=["SUBNET 00:03:00:01:02:00:00:00:00:07"],
)
def _remove_host6(subnet: str, client_id: str) -> Op:
    """Take the address of a client back."""
    return RemoveItem("dhcpv6-subnet", subnet, "hosts", {"client_id": client_id})
