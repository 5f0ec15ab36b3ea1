"""Checks of IP addresses by their role: an interface's, a host's, a gateway's, and the IP version of a rule or route.

The conventions are those of Neutron and of Linux; docs/model.md lists them. Pure: addresses are canonical text here.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from midonet.events.errors import Conflict, InvalidValue

IPV4, IPV6 = 4, 6
_POINT_TO_POINT = 1
"""Host bits of a prefix in which every address is a host's (RFC 3021, RFC 6164)."""


class Subnet(NamedTuple):
    """A prefix as numbers: `first` and `last` address, and the host's address in it."""

    version: int
    first: int
    last: int
    host: int

    def overlaps(self, other: "Subnet") -> bool:
        """Return whether the two prefixes have an address in common."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last


@lru_cache(maxsize=65_536)
def subnet_of(address: str) -> Subnet:
    """Return the prefix of `ADDRESS/LENGTH`."""
    interface = ipaddress.ip_interface(address)
    network = interface.network
    return Subnet(interface.version, int(network.network_address), int(network.broadcast_address), int(interface.ip))


def version_of(value: str) -> int:
    """Return the IP version of an address or prefix."""
    return IPV6 if ":" in value else IPV4


def one_version(values: Iterable[tuple[str, str]]) -> int | None:
    """Return the IP version that all (field, address or prefix) share, None if there are none.

    Raises `InvalidValue` (`ip-versions-differ`) that names the first field of another version than the first one's.
    """
    found: tuple[str, int] | None = None
    for field, value in values:
        version = version_of(value)
        if found is not None and version != found[1]:
            raise InvalidValue(
                f"{field} {value} is IPv{version}, but {found[0]} is IPv{found[1]}: use one IP version",
                field=field,
                reason="ip-versions-differ",
            )
        found = found or (field, version)
    return found[1] if found is not None else None


def check_host_address(address: str, field: str) -> None:
    """Raise `InvalidValue` for an address that no host can have: multicast, broadcast or unspecified."""
    ip = ipaddress.ip_address(address)
    if ip.is_multicast or ip.is_unspecified or address == "255.255.255.255":
        kind = "a multicast" if ip.is_multicast else "the unspecified" if ip.is_unspecified else "the broadcast"
        raise InvalidValue(
            f"{field}: {address} is {kind} address; give the address of one host",
            field=field,
            value=address,
            reason="not-a-host-address",
        )


def check_interface_address(address: str, field: str) -> None:
    """Raise `InvalidValue` for an interface address that is no host's in its own prefix (`10.0.0.0/24`)."""
    check_host_address(address.partition("/")[0], field)
    subnet = subnet_of(address)
    if subnet.last - subnet.first <= _POINT_TO_POINT:
        return
    if subnet.version == IPV4 and subnet.host in (subnet.first, subnet.last):
        what = "network" if subnet.host == subnet.first else "broadcast"
        raise InvalidValue(
            f"{field}: {address} is the {what} address of its prefix; give the address of one host",
            field=field,
            value=address,
            reason="not-a-host-address",
        )


def check_overlap(own: Iterable[str], others: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Raise `Conflict` if two addresses of a router are equal or in overlapping prefixes.

    `own` are the addresses of one port, `others` the (port, addresses) of the router's other ports. Several addresses
    of one port may share a prefix, as on Linux.
    """
    mine = list(own)
    hosts = [address.partition("/")[0] for address in mine]
    for address in mine:
        if hosts.count(address.partition("/")[0]) > 1:
            raise Conflict(f"address {address} is on the port twice", field="addresses", reason="address-on-router")
    for port, address, other in _pairs(mine, others):
        if subnet_of(address).overlaps(subnet_of(other)):
            raise Conflict(
                f"{address} overlaps with {other} of port {port} on the same router",
                field="addresses",
                port=port,
                reason="address-on-router",
            )


def _pairs(own: Iterable[str], others: Iterable[tuple[str, Iterable[str]]]) -> Iterator[tuple[str, str, str]]:
    return ((port, address, other) for port, theirs in others for other in theirs for address in own)


def check_gateway(gateway: str, addresses: Iterable[str], field: str = "gateway") -> None:
    """Raise `InvalidValue` unless a gateway is in a prefix of the interface that leads to it.

    Link-local gateways and interfaces without an address of that IP version are accepted, as on Linux (`onlink`).
    """
    check_host_address(gateway, field)
    ip = ipaddress.ip_address(gateway)
    prefixes = [subnet for subnet in map(subnet_of, addresses) if subnet.version == ip.version]
    if not prefixes or ip.is_link_local:
        return
    if not any(prefix.first <= int(ip) <= prefix.last for prefix in prefixes):
        raise InvalidValue(
            f"{field}: {gateway} is in no prefix of the port that leads to it",
            field=field,
            value=gateway,
            reason="gateway-not-in-subnet",
        )


def check_member(address: str, prefix: str, field: str) -> None:
    """Raise `InvalidValue` unless an address is one that a host of a prefix can have."""
    check_interface_address(f"{address}/{prefix.rpartition('/')[2]}", field)
    if not subnet_of(f"{address}/{prefix.rpartition('/')[2]}").overlaps(subnet_of(prefix)):
        raise InvalidValue(
            f"{field}: {address} is not in {prefix}", field=field, value=address, reason="address-not-in-subnet"
        )
