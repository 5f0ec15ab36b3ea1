"""A bridge that is bound to a VTEP, with indexes for its rows. Pure."""

import ipaddress
from typing import Any

from midonet.events.model.bridge import ArpEntry, MacEntry
from midonet.events.model.port import Port
from midonet.events.model.vtep import VtepBinding
from midonet.events.topology.topology import Topology
from midonet.projections.vtep.keys import switch_name

Index = dict[Any, dict[str, str]]
"""Key → entries by id: within one commit, a new entry may be added before the old one of the same key is removed."""

_NONE: dict[str, str] = {}


class BridgeTables:
    """The inputs of a VTEP's rows for one bridge; the caller updates them."""

    def __init__(self, topology: Topology, bridge: str, vtep: str) -> None:
        self.switch = switch_name(bridge)
        self.bindings: set[str] = set()
        """Bindings of the VTEP itself."""
        self.others: Index = {}
        """Other VTEP → its bindings of this bridge."""
        self.macs: Index = {}
        """MAC address → its untagged entries."""
        self.ips: Index = {}
        """MAC address → its ARP entries, and their IP addresses."""
        self.hosts: Index = {}
        """Host → ports of the bridge that are bound there."""
        for entry, _ in topology.referring(bridge):
            match entry:
                case MacEntry(vlan=0):
                    add_entry(self.macs, entry.mac, entry.id)
                case ArpEntry():
                    add_entry(self.ips, entry.mac, entry.id, entry.ip)
                case Port(host=str() as host):
                    add_entry(self.hosts, host, entry.id)
                case VtepBinding() if entry.vtep != vtep:
                    add_entry(self.others, entry.vtep, entry.id)

    def ip(self, mac: str) -> str:
        """Return the lowest IP address of a MAC on the bridge, IPv4 if there is one, or "".

        A row of Ucast_Macs_Remote has one address, and a switch uses any one of several rows with the same MAC. ARP
        requests for the other addresses are answered by the stations.
        """
        entries = self.ips.get(mac, _NONE)
        return min(entries.values(), key=_numerically) if len(entries) > 1 else next(iter(entries.values()), "")

    def move_port(self, old: Port | None, new: Port | None) -> bool:
        """Move a port of the bridge to another host; return whether a host got its first or lost its last port."""
        left = old.host if old is not None else None
        entered = new.host if new is not None else None
        if left == entered:
            return False
        came = entered is not None and entered not in self.hosts
        if new is not None and entered is not None:
            add_entry(self.hosts, entered, new.id)
        if old is not None and left is not None:
            remove_entry(self.hosts, left, old.id)
        return came or (left is not None and left not in self.hosts)


def add_entry(index: Index, key: Any, entry: str, value: str = "") -> None:
    """Add an entry under a key."""
    index.setdefault(key, {})[entry] = value


def remove_entry(index: Index, key: Any, entry: str) -> None:
    """Remove an entry under a key, and the key with its last entry."""
    entries = index.get(key, {})
    entries.pop(entry, None)
    if not entries:
        index.pop(key, None)


def _numerically(address: str) -> tuple[int, int]:
    ip = ipaddress.ip_address(address)
    return ip.version, int(ip)
