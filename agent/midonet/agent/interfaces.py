"""Which network interfaces of this machine exist and carry traffic."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

__all__ = ["Interfaces", "State", "Sysfs"]

State = Literal["up", "down", "absent"]

_IFF_UP = 0x1
"""The administrator wants it up (netdevice(7))."""

_CARRIES = {"up", "unknown"}
"""RFC 2863 operational states; drivers without carrier detection (tun, dummy, lo) stay at `unknown`."""


class Interfaces(Protocol):
    """The interfaces of a machine."""

    def states(self, names: Iterable[str]) -> Mapping[str, State]:
        """Return the state of each of these interfaces."""


class Sysfs:
    """The interfaces of this machine, as the kernel shows them below `root`."""

    def __init__(self, root: Path = Path("/sys/class/net")) -> None:
        self._root = root

    def states(self, names: Iterable[str]) -> Mapping[str, State]:
        """Return the state of each of these interfaces."""
        return {name: self._state(self._root / name) for name in names}

    def _state(self, interface: Path) -> State:
        try:
            wanted = int((interface / "flags").read_text(), 16) & _IFF_UP
            carries = (interface / "operstate").read_text().strip() in _CARRIES
        except (OSError, ValueError):
            return "absent"
        return "up" if wanted and carries else "down"
