"""The clients and routes of DHCP subnets, one at a time: commands as those of `midonet.cli.commands.verbs`."""

import click

from midonet.cli.commands.verbs import link, member, object_argument
from midonet.events.commands.command import AddItem, Op, RemoveItem

__all__: list[str] = []

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
