"""What the network reports: the stations that switches learned, their tunnel addresses, and which hosts are dead.

These are facts, no topology: they are lost with the process and read again. One instance is shared by the projections
of all VTEPs of a process, and changed only while the topology is held still. Pure.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import NamedTuple

from midonet.projections.vtep.keys import Value

Place = tuple[str, str]
"""Name of a Logical_Switch, and a MAC address in lower case."""


class Local(NamedTuple):
    """A row of Ucast_Macs_Local: the switch's tunnel address for the station, and its IP address or ""."""

    address: str
    ip: str


class SwitchUpdate(NamedTuple):
    """What one switch said: all of it (`whole`), or what changed since; None where a station is gone."""

    stations: Mapping[Place, Local | None]
    tunnel_ips: tuple[str, ...]
    whole: bool


class Delta(NamedTuple):
    """What changed by that: places of stations, and whether the switch has other tunnel addresses than before."""

    places: set[Place]
    readdressed: bool


class MacLocation(NamedTuple):
    """A station behind a VTEP; `order` grows with the time at which it was seen to come, 0 is before anybody looked."""

    vtep: str
    address: str
    ip: str
    order: int


class CurrentRow(NamedTuple):
    """What a switch holds under a key; `order` as for a station if somebody else wrote it while we looked, else 0."""

    value: Value
    order: int


class LearnedMacs:
    """Stations by place, and tunnel addresses by VTEP."""

    def __init__(self) -> None:
        self._switches: dict[str, dict[str, dict[str, MacLocation]]] = {}
        self._places: dict[str, set[Place]] = {}
        self._tunnel_ips: dict[str, tuple[str, ...]] = {}
        self._away: set[str] = set()
        self.tick = count(1).__next__
        self.dead: frozenset[str] = frozenset()
        """Hosts that lived and do no more; of others nothing is known."""

    def knows(self, vtep: str) -> bool:
        """Whether a VTEP is being read: what is not reported by it is not there."""
        return vtep in self._places and vtep not in self._away

    def tunnel_ips(self, vtep: str) -> tuple[str, ...]:
        """Return the tunnel addresses that a switch says it has, as far as known."""
        return self._tunnel_ips.get(vtep, ())

    def macs(self, switch: str) -> Iterable[str]:
        """Return the MAC addresses of the stations on a logical switch, of all VTEPs."""
        return self._switches.get(switch, {}).keys()

    def stations(self, switch: str, mac: str) -> Collection[MacLocation]:
        """Return the stations at a place: one for every VTEP that has learned it, those that are away included."""
        return self._switches.get(switch, {}).get(mac, {}).values()

    def of(self, vtep: str) -> Collection[Place]:
        """Return the places of the stations of a VTEP."""
        return self._places.get(vtep, ())

    def take(self, vtep: str, heard: SwitchUpdate) -> Delta:
        """Take in what a switch said."""
        first = vtep not in self._places
        known = self._places.setdefault(vtep, set())
        self._away.discard(vtep)
        readdressed = first or self._tunnel_ips.get(vtep, ()) != heard.tunnel_ips
        self._tunnel_ips[vtep] = heard.tunnel_ips
        gone: dict[Place, Local | None] = dict.fromkeys(known - heard.stations.keys()) if heard.whole else {}
        order = 0 if first else self.tick()
        said = {**gone, **heard.stations}
        return Delta({place for place, local in said.items() if self._put(vtep, place, local, order)}, readdressed)

    def _put(self, vtep: str, place: Place, local: Local | None, order: int) -> bool:
        switch, mac = place
        stations = self._switches.setdefault(switch, {}).setdefault(mac, {})
        old = stations.get(vtep)
        if local is not None:
            stations[vtep] = MacLocation(vtep, *local, old.order if old and old.address == local.address else order)
            self._places[vtep].add(place)
            return stations[vtep] != old
        stations.pop(vtep, None)
        self._places[vtep].discard(place)
        self._tidy(switch, mac)
        return old is not None

    def _tidy(self, switch: str, mac: str) -> None:
        if not self._switches[switch][mac]:
            del self._switches[switch][mac]
        if not self._switches[switch]:
            del self._switches[switch]

    def lose(self, vtep: str) -> None:
        """Note that a VTEP cannot be read at the moment: what it said is no longer known to hold."""
        if vtep in self._places:
            self._away.add(vtep)

    def forget(self, vtep: str) -> Delta:
        """Forget a VTEP that is no more."""
        places = self._places.get(vtep, set()).copy()
        for place in places:
            self._put(vtep, place, None, 0)
        self._places.pop(vtep, None)
        self._tunnel_ips.pop(vtep, None)
        self._away.discard(vtep)
        return Delta(places, readdressed=True)
