"""What the rows of a VTEP's database are called here: keys and values that desired and actual state share.

| key | value |
|---|---|
| `("switch", name)` | tunnel key (VNI) of the Logical_Switch, 0 if it has none |
| `("replication", name)` | `source_node`, where the Logical_Switch says so; service nodes copy wherever it does not |
| `("binding", physical port, vlan)` | name of the Logical_Switch |
| `("ucast", switch name, mac)` | (tunnel address, IP address of the MAC or "") |
| `("mcast", switch name, mac)` | tunnel addresses, sorted |
| `("bfd", tunnel address)` | own tunnel address of the switch from which BFD watches that one |

Only switches named `mn-…` and what hangs on them have keys, and tunnels whose BFD parameters bear our mark: all else in
the database belongs to others (contract §4).
"""

import ipaddress
import re
from typing import Literal

DATABASE = "hardware_vtep"
POSITION = "midonet-position"
HASH = "midonet-hash"
"""Keys of the checkpoint in `Global.other_config`."""

MARK = "midonet"
"""Key in `Tunnel.bfd_params` of what we enabled: `row` if the whole row is ours, `params` if only they are."""

SOURCE_NODE = "source_node"
"""The value of `Logical_Switch.replication_mode` with which the switch copies to every locator of a set itself."""

UNKNOWN_DST = "unknown-dst"
"""The MAC of the Mcast_Macs_Remote row for all that no other row names (hardware_vtep schema)."""

Key = (
    tuple[Literal["switch", "replication", "bfd"], str]
    | tuple[Literal["binding"], str, int]
    | tuple[Literal["ucast", "mcast"], str, str]
)
Value = int | str | tuple[str, ...]

_PREFIX = "mn-"
_STATION = re.compile(r"[0-9a-f][02468ace](?::[0-9a-f]{2}){5}")
"""A MAC address of one station: the group bit is not set."""


def switch_name(bridge: str) -> str:
    """Return the name of a bridge's Logical_Switch."""
    return _PREFIX + bridge


def bridge_id(switch: str) -> str:
    """Return the bridge whose Logical_Switch has this name."""
    return switch.removeprefix(_PREFIX)


def is_ours(switch: str) -> bool:
    """Whether a Logical_Switch of this name belongs to us."""
    return switch.startswith(_PREFIX)


def is_locator(address: str) -> bool:
    """Whether a Physical_Locator can have this address: it knows one encapsulation, VXLAN over IPv4."""
    return ":" not in address and _ip(address) != ""


def station_ip(text: str) -> str:
    """Return an IP address in its usual form; "" for anything else that a switch may write."""
    return _ip(text) if text else ""


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def station_mac(text: str) -> str | None:
    """Return the MAC address of a station in lower case; None for anything else that a switch may write."""
    mac = text.lower()
    return mac if _STATION.fullmatch(mac) and mac != "00:00:00:00:00:00" else None
