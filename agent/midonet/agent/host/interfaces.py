"""The network interfaces of this machine and their states."""

import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from midonet.projections.facts import Interface

State = Literal["up", "down", "absent"]

_IFF_UP = 0x1
"""Administratively up (netdevice(7))."""

_CARRIES = {"up", "unknown"}
"""RFC 2863 operational states; drivers without carrier detection (tun, dummy, lo) stay at `unknown`."""

_TUNNEL_TYPES = {768, 769, 776, 777, 778, 823}
"""ARPHRD_TUNNEL, _TUNNEL6, _SIT, _IPDDP, _IPGRE, _IP6GRE (linux/if_arp.h)."""

_TUNNEL_DEVICES = {"vxlan", "gretap", "ip6gretap", "geneve", "erspan", "ip6erspan", "bareudp", "wireguard"}
"""DEVTYPE of tunnels of the type Ethernet."""


class Interfaces(Protocol):
    """The interfaces of a machine."""

    def states(self, names: Iterable[str]) -> Mapping[str, State]:
        """Return the state of each of these interfaces."""

    def all(self) -> tuple[Interface, ...]:
        """Return all interfaces, by name."""


def _addresses() -> Mapping[str, list[str]]:
    """Return the IP addresses of each interface, without the zone of link-local ones."""
    import psutil

    families = (socket.AF_INET, socket.AF_INET6)
    return {
        name: [one.address.partition("%")[0] for one in found if one.family in families]
        for name, found in psutil.net_if_addrs().items()
    }


class Sysfs:
    """The interfaces of this machine, read from sysfs below `root`."""

    def __init__(
        self, root: Path = Path("/sys/class/net"), addresses: Callable[[], Mapping[str, list[str]]] = _addresses
    ) -> None:
        self._root = root
        self._addresses = addresses

    def states(self, names: Iterable[str]) -> Mapping[str, State]:
        """Return the state of each of these interfaces."""
        return {name: self._state(self._root / name) for name in names}

    def all(self) -> tuple[Interface, ...]:
        """Return all interfaces, by name; one that is removed meanwhile is omitted."""
        addresses = self._addresses()
        found = (_interface(path, addresses.get(path.name, ())) for path in sorted(self._root.iterdir()))
        return tuple(interface for interface in found if interface is not None)

    def _state(self, interface: Path) -> State:
        try:
            return "up" if _is_up(interface) and _carries(interface) else "down"
        except (OSError, ValueError):
            return "absent"


def _is_up(interface: Path) -> bool:
    return bool(int(_read(interface, "flags"), 16) & _IFF_UP)


def _carries(interface: Path) -> bool:
    return _read(interface, "operstate") in _CARRIES


def _interface(path: Path, addresses: Iterable[str]) -> Interface | None:
    try:
        mac = _read(path, "address")
        return Interface(
            name=path.name,
            type=_type(path),
            mac=mac if mac.count(":") == 5 and mac.strip("0:") else None,  # noqa: PLR2004 - an Ethernet address has six bytes
            mtu=int(_read(path, "mtu")),
            up=_is_up(path),
            link=_carries(path),
            addresses=tuple(addresses),
        )
    except (OSError, ValueError):
        return None  # `bonding_masters` is a file; others have just been removed


def _type(path: Path) -> Literal["physical", "virtual", "tunnel"]:
    device = next((line[8:] for line in _read(path, "uevent").splitlines() if line.startswith("DEVTYPE=")), "")
    if int(_read(path, "type")) in _TUNNEL_TYPES or device in _TUNNEL_DEVICES:
        return "tunnel"
    return "physical" if (path / "device").exists() else "virtual"


def _read(path: Path, attribute: str) -> str:
    return (path / attribute).read_text().strip()


def outward(interfaces: Iterable[Interface]) -> tuple[str, ...]:
    """Return the addresses that other machines can reach: no loopback and no link-local ones."""
    from ipaddress import ip_address

    found = dict.fromkeys(address for interface in interfaces for address in interface.addresses)
    return tuple(one for one in found if not (ip_address(one).is_loopback or ip_address(one).is_link_local))
