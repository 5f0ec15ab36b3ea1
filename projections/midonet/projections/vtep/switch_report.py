"""The report of a switch in its database: hardware, faults, tunnels and learned stations.

Pure: it reads the monitored rows. Ephemeral columns of OVSDB are empty after every restart of the server until the
switch fills them again: until they were filled once, an empty column means unknown.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from midonet.projections.ovsdb import Row, RowChange, decode_map, decode_ref, decode_set
from midonet.projections.vtep.keys import station_ip, station_mac
from midonet.projections.vtep.learned_macs import LocalMac, MacKey, SwitchUpdate

_FAULTS = {
    "Physical_Switch": "switch_fault_status",
    "Logical_Router": "LR_fault_status",
    "ACL": "acl_fault_status",
}


class PortReport(Struct, frozen=True):
    """A physical port; `faults` have the names of the schema, None is unknown."""

    name: str
    faults: list[str] | None


class BfdSession(Struct, frozen=True):
    """A tunnel and its BFD state (`up`, `down`, `init`, `admin_down`); `state` None is unknown."""

    local: str
    remote: str
    enabled: bool
    state: str | None
    diagnostic: str | None


class SwitchReport(Struct, frozen=True, kw_only=True):
    """A switch as it reports itself."""

    name: str | None
    tunnel_ips: list[str]
    ports: list[PortReport]
    faults: list[str] | None
    """Of the switch, its logical routers and ACLs."""
    bfd: list[BfdSession]
    local_macs: int


class Reports:
    """Reads the tables of a replica; `names` are those of own Logical_Switches by UUID."""

    def __init__(self, tables: Mapping[str, Mapping[str, Row]], names: Mapping[str, str]) -> None:
        self._tables = tables
        self._names = names
        self._locals: dict[MacKey, dict[str, LocalMac]] = {}
        self._mac_keys: dict[str, MacKey] = {}
        self._changed: dict[MacKey, None] = {}
        self._whole = True
        self._tunnel_ips: tuple[str, ...] = ()
        self._had_faults: set[str] = set()

    def apply(self, changes: Mapping[str, list[RowChange]], addresses: Mapping[str, str]) -> None:
        """Process an update that was applied to the tables; `addresses` are those of the locators."""
        for table in ("Physical_Port", *_FAULTS):
            self._had_faults.update(row.uuid for row in changes.get(table, ()) if row.new and _faults(row.new))
        for uuid, _, new in changes.get("Ucast_Macs_Local", ()):
            self._drop(uuid)
            if new is not None:
                self._learn(uuid, new, addresses)

    def clear(self) -> None:
        """Clear the learned stations: the rows will be processed again as new."""
        self._locals.clear()
        self._mac_keys.clear()
        self._whole = True

    def _learn(self, uuid: str, row: Row, addresses: Mapping[str, str]) -> None:
        mac, switch = station_mac(str(row["MAC"])), self._names.get(decode_ref(row["logical_switch"]))
        if mac is not None and switch is not None:
            mac_key = switch, mac
            local = LocalMac(addresses[decode_ref(row["locator"])], station_ip(str(row["ipaddr"])))
            self._locals.setdefault(mac_key, {})[uuid] = local
            self._mac_keys[uuid] = mac_key
            self._changed[mac_key] = None

    def _drop(self, uuid: str) -> None:
        mac_key = self._mac_keys.pop(uuid, None)
        if mac_key is not None:
            del self._locals[mac_key][uuid]
            if not self._locals[mac_key]:
                del self._locals[mac_key]
            self._changed[mac_key] = None

    def drain(self, switch: str | None) -> SwitchUpdate | None:
        """Return the changes since the last call, the first time everything; None without changes."""
        tunnel_ips = tuple(sorted(self._own(switch, "tunnel_ips")))
        if not (self._whole or self._changed or tunnel_ips != self._tunnel_ips):
            return None
        mac_keys: Iterable[MacKey] = self._locals if self._whole else self._changed
        update = SwitchUpdate({mac_key: self._local(mac_key) for mac_key in mac_keys}, tunnel_ips, self._whole)
        self._changed, self._whole, self._tunnel_ips = {}, False, tunnel_ips
        return update

    def _local(self, mac_key: MacKey) -> LocalMac | None:
        return next(iter(self._locals.get(mac_key, {}).values()), None)

    def _own(self, switch: str | None, column: str) -> list[Any]:
        row = self._tables["Physical_Switch"].get(switch or "")
        return decode_set(row[column]) if row is not None and column in row else []

    # -- status

    def summary(self, switch: str | None, addresses: Mapping[str, str]) -> SwitchReport:
        """Return the whole report; `switch` is the UUID of the Physical_Switch."""
        row = self._tables["Physical_Switch"].get(switch or "")
        ports = self._tables["Physical_Port"]
        return SwitchReport(
            name=str(row["name"]) if row is not None else None,
            tunnel_ips=sorted(self._own(switch, "tunnel_ips")),
            ports=sorted((self._port(uuid, ports[uuid]) for uuid in self._own(switch, "ports")), key=lambda p: p.name),
            faults=self._all_faults(switch),
            bfd=sorted(self._sessions(switch, addresses), key=lambda one: (one.remote, one.local)),
            local_macs=len(self._locals),
        )

    def _port(self, uuid: str, row: Row) -> PortReport:
        return PortReport(str(row["name"]), self._known_faults(uuid, _faults(row)))

    def _known_faults(self, uuid: str, faults: list[str]) -> list[str] | None:
        return faults if faults or uuid in self._had_faults else None

    def _all_faults(self, switch: str | None) -> list[str] | None:
        rows = {uuid: row for table in ("Logical_Router", "ACL") for uuid, row in self._tables.get(table, {}).items()}
        if switch is not None:
            rows[switch] = self._tables["Physical_Switch"][switch]
        known = [found for uuid, row in rows.items() if (found := self._known_faults(uuid, _faults(row))) is not None]
        return sorted({fault for faults in known for fault in faults}) if known else None

    def _sessions(self, switch: str | None, addresses: Mapping[str, str]) -> Iterable[BfdSession]:
        for uuid in self._own(switch, "tunnels"):
            row = self._tables["Tunnel"][uuid]
            params, status = decode_map(row["bfd_params"]), decode_map(row["bfd_status"])
            local, remote = (addresses[decode_ref(row[end])] for end in ("local", "remote"))
            enabled = params.get("enable") == "true"
            yield BfdSession(local, remote, enabled, status.get("state"), status.get("diagnostic"))


def _faults(row: Row) -> list[str]:
    columns = ("port_fault_status", *_FAULTS.values())
    return sorted(str(fault) for column in columns if column in row for fault in decode_set(row[column]))
