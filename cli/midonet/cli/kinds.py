"""The kinds by name, without loading the model: `midoctl --help` must be quick. A test compares this with `KINDS`."""

from collections.abc import Mapping

__all__ = ["KIND_HELP", "OTHER_WORDS"]

KIND_HELP: Mapping[str, str] = {
    "bridge": "Virtual switch (MidoNet's Network).",
    "router": "Virtual router.",
    "port": "Port of a bridge or of a router: bound to a host's interface (exterior) or linked to a peer (interior).",
    "route": "Route of a router: lower weight wins among equal prefixes.",
    "chain": "Ordered list of rules; the first that decides wins.",
    "rule": "One rule of a chain: all conditions that are set must hold, then the action applies.",
    "host": "Hypervisor or gateway that runs an agent.",
    "tunnel-zone": "Hosts that reach each other through tunnels, each with its underlay address.",
    "vtep": "Hardware VTEP switch, managed through its OVSDB `hardware_vtep` database.",
    "vtep-binding": "A VLAN of a VTEP's physical port that belongs to a bridge.",
    "mac-entry": "Static entry of a bridge's MAC table.",
    "arp-entry": "Static entry of a bridge's ARP table: who asks for the IP address is answered with the MAC address.",
}

OTHER_WORDS: Mapping[str, str] = {
    "add": "create",
    "dump": "export",
    "edit": "set",
    "get": "show",
    "ls": "list",
    "network": "bridge",
    "remove": "delete",
    "rm": "delete",
    "status": "projection status",
    "switch": "bridge",
    "tunnelzone": "tunnel-zone",
    "tzone": "tunnel-zone",
    "update": "set",
}
"""What people type who know other tools, and what it is called here."""
