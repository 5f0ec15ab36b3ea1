"""What the rows of a VTEP's database are called here: keys and values that desired and actual state share.

| key | value |
|---|---|
| `("switch", name)` | tunnel key (VNI) of the Logical_Switch, 0 if it has none |
| `("binding", physical port, vlan)` | name of the Logical_Switch |
| `("ucast", switch name, mac)` | (tunnel address, IP address of the MAC or "") |
| `("mcast", switch name, mac)` | tunnel addresses, sorted |

Only switches named `mn-…` and what hangs on them have keys: all else in the database belongs to others (contract §4).
"""

from typing import Literal

__all__ = ["DATABASE", "HASH", "POSITION", "UNKNOWN_DST", "Key", "Value", "bridge_id", "is_ours", "switch_name"]

DATABASE = "hardware_vtep"
POSITION = "midonet-position"
HASH = "midonet-hash"
"""Keys of the checkpoint in `Global.other_config`."""

UNKNOWN_DST = "unknown-dst"
"""The MAC of the Mcast_Macs_Remote row for all that no other row names (hardware_vtep schema)."""

Key = tuple[Literal["switch"], str] | tuple[Literal["binding"], str, int] | tuple[Literal["ucast", "mcast"], str, str]
Value = int | str | tuple[str, ...]

_PREFIX = "mn-"


def switch_name(bridge: str) -> str:
    """Return the name of a bridge's Logical_Switch."""
    return _PREFIX + bridge


def bridge_id(switch: str) -> str:
    """Return the bridge whose Logical_Switch has this name."""
    return switch.removeprefix(_PREFIX)


def is_ours(switch: str) -> bool:
    """Whether a Logical_Switch of this name belongs to us."""
    return switch.startswith(_PREFIX)
