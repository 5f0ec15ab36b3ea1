"""The host that has an address, from the reports of live hosts. Pure."""

from collections.abc import Mapping
from ipaddress import ip_address

from midonet.projections.facts.kinds import HostState


def owners(hosts: Mapping[str, HostState]) -> dict[str, str]:
    """Return the host that has each address; none for loopback addresses, which every machine has."""
    return {
        address: host
        for host, state in hosts.items()
        for interface in state.interfaces
        for address in interface.addresses
        if _is_not_loopback(address)
    }


def _is_not_loopback(address: str) -> bool:
    try:
        return not ip_address(address).is_loopback
    except ValueError:
        return False
