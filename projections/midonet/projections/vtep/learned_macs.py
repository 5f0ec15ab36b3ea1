"""Facts for the rows of VTEPs: the stations that switches learned, their tunnel addresses, and dead hosts.

Facts are not topology: they are lost with the process and read again. The projections of all VTEPs of a process share
one instance, which changes only under the lock of the feed. Pure.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from typing import NamedTuple

from midonet.projections.vtep.keys import Value

MacKey = tuple[str, str]
"""Name of a Logical_Switch, and a MAC address in lower case."""


class LocalMac(NamedTuple):
    """A row of Ucast_Macs_Local: the switch's tunnel address for the station, and its IP address or ""."""

    address: str
    ip: str


class SwitchUpdate(NamedTuple):
    """A report of one switch: a complete one (`whole`), or the changes; None where a station was removed."""

    macs: Mapping[MacKey, LocalMac | None]
    tunnel_ips: tuple[str, ...]
    whole: bool


class LearnedChanges(NamedTuple):
    """The effect of a report: places of stations, and whether the tunnel addresses of the switch changed."""

    macs: set[MacKey]
    addresses_changed: bool


class MacLocation(NamedTuple):
    """A station behind a VTEP; `order` increases with the time of its first report; 0: before the first read."""

    vtep: str
    address: str
    ip: str
    order: int


class CurrentRow(NamedTuple):
    """A value in a switch; `order` as for a station if another client wrote it while monitored, else 0."""

    value: Value
    order: int


class LearnedMacs:
    """Stations by place, and tunnel addresses by VTEP."""

    def __init__(self) -> None:
        self._switches: dict[str, dict[str, dict[str, MacLocation]]] = {}
        self._macs: dict[str, set[MacKey]] = {}
        self._tunnel_ips: dict[str, tuple[str, ...]] = {}
        self._unreachable: set[str] = set()
        self.tick = count(1).__next__
        self.dead: frozenset[str] = frozenset()
        """Hosts that were alive and are dead; the state of all others is unknown."""

    def is_read(self, vtep: str) -> bool:
        """Whether a VTEP is being read: then a station that it does not report does not exist."""
        return vtep in self._macs and vtep not in self._unreachable

    def tunnel_ips(self, vtep: str) -> tuple[str, ...]:
        """Return the tunnel addresses that a switch reported last."""
        return self._tunnel_ips.get(vtep, ())

    def macs(self, switch: str) -> Iterable[str]:
        """Return the MAC addresses of the stations on a logical switch, of all VTEPs."""
        return self._switches.get(switch, {}).keys()

    def locations(self, switch: str, mac: str) -> Collection[MacLocation]:
        """Return the stations at a place: one for every VTEP that has learned it, including unreachable ones."""
        return self._switches.get(switch, {}).get(mac, {}).values()

    def macs_of(self, vtep: str) -> Collection[MacKey]:
        """Return the places of the stations of a VTEP."""
        return self._macs.get(vtep, ())

    def apply(self, vtep: str, update: SwitchUpdate) -> LearnedChanges:
        """Apply a report of a switch."""
        first = vtep not in self._macs
        known = self._macs.setdefault(vtep, set())
        self._unreachable.discard(vtep)
        addresses_changed = first or self._tunnel_ips.get(vtep, ()) != update.tunnel_ips
        self._tunnel_ips[vtep] = update.tunnel_ips
        gone: dict[MacKey, LocalMac | None] = dict.fromkeys(known - update.macs.keys()) if update.whole else {}
        order = 0 if first else self.tick()
        said = {**gone, **update.macs}
        return LearnedChanges(
            {mac_key for mac_key, local in said.items() if self._put(vtep, mac_key, local, order)}, addresses_changed
        )

    def _put(self, vtep: str, mac_key: MacKey, local: LocalMac | None, order: int) -> bool:
        switch, mac = mac_key
        locations = self._switches.setdefault(switch, {}).setdefault(mac, {})
        old = locations.get(vtep)
        if local is not None:
            locations[vtep] = MacLocation(vtep, *local, old.order if old and old.address == local.address else order)
            self._macs[vtep].add(mac_key)
            return locations[vtep] != old
        locations.pop(vtep, None)
        self._macs[vtep].discard(mac_key)
        self._drop_empty(switch, mac)
        return old is not None

    def _drop_empty(self, switch: str, mac: str) -> None:
        if not self._switches[switch][mac]:
            del self._switches[switch][mac]
        if not self._switches[switch]:
            del self._switches[switch]

    def mark_unreachable(self, vtep: str) -> None:
        """Record that a VTEP cannot be read at present: its reports may be outdated."""
        if vtep in self._macs:
            self._unreachable.add(vtep)

    def forget(self, vtep: str) -> LearnedChanges:
        """Remove a deleted VTEP."""
        macs = self._macs.get(vtep, set()).copy()
        for mac_key in macs:
            self._put(vtep, mac_key, None, 0)
        self._macs.pop(vtep, None)
        self._tunnel_ips.pop(vtep, None)
        self._unreachable.discard(vtep)
        return LearnedChanges(macs, addresses_changed=True)


def choose(
    locations: Collection[MacLocation], current: CurrentRow | None, *, me: str, is_read: Callable[[str], bool]
) -> MacLocation | None:
    """Return the station that takes precedence; None if there is none.

    `current` is the row of VTEP `me`. A station behind a VTEP that is not being read (`is_read`) counts only if that
    row points to it.
    """
    read = [location for location in locations if is_read(location.vtep)]
    latest = min(read, key=lambda one: (-one.order, one.vtep != me, one.vtep), default=None)
    if current is None or not isinstance(current.value, tuple):
        return latest
    pointed_to = next((location for location in locations if location.address == current.value[0]), None)
    if pointed_to is None or latest is None:
        return pointed_to or latest
    return pointed_to if max(current.order, pointed_to.order) >= latest.order else latest
