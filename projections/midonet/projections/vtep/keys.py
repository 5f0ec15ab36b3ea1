"""Keys and values of the rows in a VTEP's database, shared by desired and actual state.

| key | value |
|---|---|
| `("switch", name)` | tunnel key (VNI) of the Logical_Switch, 0 if it has none |
| `("replication", name)` | `source_node` if the Logical_Switch has this mode; otherwise service nodes replicate |
| `("binding", physical port, vlan)` | name of the Logical_Switch |
| `("ucast", switch name, mac)` | (tunnel address, IP address of the MAC or "") |
| `("mcast", switch name, mac)` | tunnel addresses, sorted |
| `("bfd", tunnel address)` | own tunnel address of the switch, where BFD monitors the tunnel to that address |

Keys exist for switches named `mn-…`, the rows that refer to them, and tunnels with the mark of this project in their
BFD parameters. All other rows are foreign (contract §4).
"""

import ipaddress
import re
from typing import Literal

DATABASE = "hardware_vtep"
POSITION = "midonet-position"
HASH = "midonet-hash"
"""Keys of the checkpoint in `Global.other_config`."""

MARK = "midonet"
"""Key in `Tunnel.bfd_params` that marks BFD of this project: `row` if it created the row, else `params`."""

SOURCE_NODE = "source_node"
"""Value of `Logical_Switch.replication_mode` with which the switch itself replicates to every locator of a set."""

UNKNOWN_DST = "unknown-dst"
"""MAC of the Mcast_Macs_Remote row for all MACs without a row (hardware_vtep schema)."""

Key = (
    tuple[Literal["switch", "replication", "bfd"], str]
    | tuple[Literal["binding"], str, int]
    | tuple[Literal["ucast", "mcast"], str, str]
)
Value = int | str | tuple[str, ...]

_PREFIX = "mn-"
_STATION = re.compile(r"[0-9a-f][02468ace](?::[0-9a-f]{2}){5}")
"""The MAC address of a station: the group bit is not set."""


def switch_name(bridge: str) -> str:
    """Return the name of a bridge's Logical_Switch."""
    return _PREFIX + bridge


def bridge_id(switch: str) -> str:
    """Return the bridge of a Logical_Switch with this name."""
    return switch.removeprefix(_PREFIX)


def is_ours(switch: str) -> bool:
    """Whether this project manages a Logical_Switch of this name."""
    return switch.startswith(_PREFIX)


def is_locator(address: str) -> bool:
    """Whether a Physical_Locator can have this address: the only encapsulation is VXLAN over IPv4."""
    return ":" not in address and _ip(address) != ""


def station_ip(text: str) -> str:
    """Return an IP address in canonical form; "" for any other text."""
    return _ip(text) if text else ""


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def station_mac(text: str) -> str | None:
    """Return the MAC address of a station in lower case; None for any other text."""
    mac = text.lower()
    return mac if _STATION.fullmatch(mac) and mac != "00:00:00:00:00:00" else None
