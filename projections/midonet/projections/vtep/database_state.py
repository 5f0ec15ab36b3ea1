"""The own rows in the database of a VTEP, as keys and values, updated by the updates of the database.

Pure: it applies updates and returns the value and the rows of a key. Foreign rows are read only where they matter
(locators are shared, ports may be bound to foreign switches) and never have a key.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from midonet.projections.base import Checkpoint
from midonet.projections.ovsdb import Replica, Row, RowChange, decode_map, decode_ref, decode_set
from midonet.projections.vtep.keys import HASH, MARK, POSITION, SOURCE_NODE, Key, Value, is_ours
from midonet.projections.vtep.switch_report import Reports, SwitchReport

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Global": ("other_config",),
    "Physical_Switch": ("name", "ports", "management_ips", "tunnel_ips"),
    "Physical_Port": ("name", "vlan_bindings"),
    "Logical_Switch": ("name", "tunnel_key"),
    "Physical_Locator": ("dst_ip", "tunnel_key"),
    "Physical_Locator_Set": ("locators",),
    "Ucast_Macs_Remote": ("MAC", "logical_switch", "locator", "ipaddr"),
    "Mcast_Macs_Remote": ("MAC", "logical_switch", "locator_set", "ipaddr"),
    "Ucast_Macs_Local": ("MAC", "logical_switch", "locator", "ipaddr"),
}
"""The columns to monitor, by table."""

OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "Physical_Switch": ("tunnels", "switch_fault_status"),
    "Physical_Port": ("port_fault_status",),
    "Logical_Switch": ("replication_mode",),
    "Tunnel": ("local", "remote", "bfd_params", "bfd_status"),
    "Logical_Router": ("LR_fault_status",),
    "ACL": ("acl_fault_status",),
}
"""The optional columns to monitor: later versions of the schema added them."""

_NUMBER = re.compile(r"[0-9]{1,18}")


class Touched(NamedTuple):
    """What an update may have changed."""

    keys: set[Key]
    hardware: bool
    """Whether ports or tunnels of the switch were added, removed or changed."""


class DatabaseState:
    """The database of the VTEP with this management address; `columns` are the available ones, by table."""

    def __init__(self, management_ip: str, columns: Mapping[str, Collection[str]] = OPTIONAL) -> None:
        self._management_ip = management_ip
        self._modes = "replication_mode" in columns.get("Logical_Switch", ())
        self._has_tunnels = "Tunnel" in columns
        self._replica = Replica({**COLUMNS, **OPTIONAL})
        self._tables = self._replica.tables
        self._values: Mapping[str, Callable[[Key, str], Value]] = {
            "switch": self._tunnel_key,
            "binding": self._binding,
            "ucast": self._unicast,
            "mcast": self._multicast,
            "replication": lambda *_: SOURCE_NODE,
            "bfd": self._bfd,
        }
        # indexes; rows are identified by their UUIDs
        self._names: dict[str, str] = {}  # switch → name
        self._switches: dict[str, str] = {}  # name → switch
        self._addresses: dict[str, str] = {}  # locator → address
        self._locators: dict[str, str] = {}  # address → locator
        self._ports: dict[str, list[str]] = {}  # name → ports
        self._bound: dict[str, dict[int, str]] = {}  # port → VLAN → switch
        self._rows: dict[Key, tuple[str, ...]] = {}
        self._keys_of: dict[str, tuple[Key, ...]] = {}
        self._tunnels: set[str] = set()  # of the switch
        self._touched: set[Key] = set()
        self.hardware: str | None = None
        """UUID of the Physical_Switch."""
        self.checkpoint: Checkpoint | None = None
        """The checkpoint, or None if there is no readable one."""
        self.reports = Reports(self._tables, self._names)

    # -- rows and values

    def items(self) -> Iterator[tuple[Key, Value]]:
        """Yield every key that has a row, with its value."""
        for key in self._rows:
            value = self.value(key)
            if value is not None:
                yield key, value

    def value(self, key: Key) -> Value | None:
        """Return the value of a key; several rows under one key give a value that is never desired."""
        rows = self._rows.get(key)
        if rows is None:
            return None
        if len(rows) == 1:
            return self._values[key[0]](key, rows[0])
        return ("several rows", *(str(self._values[key[0]](key, uuid)) for uuid in rows))

    def rows(self, key: Key) -> tuple[str, ...]:
        """Return the UUIDs of the rows under a key; for a binding, of the ports."""
        return self._rows.get(key, ())

    @property
    def config(self) -> dict[str, str]:
        """`Global.other_config`."""
        return next((decode_map(row["other_config"]) for row in self._tables["Global"].values()), {})

    @property
    def root(self) -> str | None:
        """UUID of the one row of Global; a new database has none."""
        return next(iter(self._tables["Global"]), None)

    def switch(self, name: str) -> str | None:
        """Return the UUID of an own Logical_Switch."""
        return self._switches.get(name)

    def locator(self, address: str) -> str | None:
        """Return the UUID of the Physical_Locator of a tunnel address; locators with a tunnel key are ignored."""
        return self._locators.get(address)

    def ports(self, name: str) -> list[str]:
        """Return the UUIDs of the switch's ports with a name; the schema allows several."""
        return self._ports.get(name, [])

    def bound(self, port: str, vlan: int) -> str:
        """Return the UUID of the own Logical_Switch to which a VLAN of one of the switch's ports is bound."""
        return self._bound[port][vlan]

    def bindings_to(self, switch: str) -> Iterator[tuple[str, int]]:
        """Yield (UUID of port, VLAN) of every binding, on any switch's port, that refers to a Logical_Switch."""
        for uuid, row in self._tables["Physical_Port"].items():
            for vlan, bound in decode_map(row["vlan_bindings"]).items():
                if bound == switch:
                    yield uuid, vlan

    def tunnel(self, local: str, remote: str) -> tuple[str, bool] | None:
        """Return a foreign tunnel between two addresses, and whether another client configured BFD on it.

        A tunnel with such a configuration is preferred.
        """
        rows = [(uuid, self._tables["Tunnel"][uuid]) for uuid in sorted(self._tunnels) if uuid not in self._keys_of]
        found = [
            (uuid, bool(decode_map(row["bfd_params"]))) for uuid, row in rows if self._ends(row) == (local, remote)
        ]
        return max(found, key=lambda one: one[1], default=None)

    def is_our_row(self, tunnel: str) -> bool:
        """Whether this project created a marked tunnel, and not only its BFD parameters."""
        return bool(decode_map(self._tables["Tunnel"][tunnel]["bfd_params"]).get(MARK) == "row")

    def accepts(self, key: Key, value: Value) -> bool:
        """Whether the switch has what a value requires: a port, a mode, a tunnel without foreign BFD."""
        match key:
            case ("binding", port, _):
                return bool(self.ports(port))
            case ("replication", _):
                return self._modes
            case ("bfd", remote):
                free = self._has_tunnels and self.hardware is not None
                return free and not (self.tunnel(str(value), remote) or ("", False))[1]
        return True

    def foreign_value(self, key: Key) -> Value | None:
        """Return the name of the foreign switch to which the VLAN of a binding is bound, if any."""
        if key[0] != "binding":
            return None
        bound = (decode_map(self._tables["Physical_Port"][port]["vlan_bindings"]) for port in self.ports(key[1]))
        foreign = (switches[key[2]] for switches in bound if key[2] in switches)
        return next((str(self._tables["Logical_Switch"][uuid]["name"]) for uuid in foreign), None)

    def report(self) -> SwitchReport:
        """Return the hardware, faults, tunnels and learned MACs that the switch reports."""
        return self.reports.summary(self.hardware, self._addresses)

    def _ends(self, tunnel: Row) -> tuple[str, str]:
        return self._addresses[decode_ref(tunnel["local"])], self._addresses[decode_ref(tunnel["remote"])]

    def _bfd(self, _: Key, uuid: str) -> Value:
        row = self._tables["Tunnel"][uuid]
        local, _remote = self._ends(row)
        return local if decode_map(row["bfd_params"]).get("enable") == "true" else f"{local} (off)"

    def _tunnel_key(self, _: Key, uuid: str) -> Value:
        return next(iter(decode_set(self._tables["Logical_Switch"][uuid]["tunnel_key"])), 0)

    def _binding(self, key: Any, uuid: str) -> Value:
        return self._names[self._bound[uuid][key[2]]]

    def _unicast(self, _: Key, uuid: str) -> Value:
        row = self._tables["Ucast_Macs_Remote"][uuid]
        return self._addresses[decode_ref(row["locator"])], row["ipaddr"]

    def _multicast(self, _: Key, uuid: str) -> Value:
        row = self._tables["Mcast_Macs_Remote"][uuid]
        locators = self._tables["Physical_Locator_Set"][decode_ref(row["locator_set"])]["locators"]
        addresses = sorted(self._addresses[locator] for locator in decode_set(locators))
        return (*addresses, row["ipaddr"]) if row["ipaddr"] else tuple(addresses)

    # -- updates

    def apply(self, updates: Mapping[str, Mapping[str, Any]]) -> Touched:
        """Apply an update of the monitored columns; return the keys with values that may have changed."""
        changes = self._replica.apply(updates)
        if "Global" in changes:
            self.checkpoint = parse_checkpoint(self.config)
        if _renamed(changes.get("Logical_Switch", ())):
            changes = self._start_over()
        self._logical_switches(changes.get("Logical_Switch", ()))
        self._physical_locators(changes.get("Physical_Locator", ()))
        rebuild = "Physical_Switch" in changes
        hardware = self._physical_ports(changes.get("Physical_Port", ()), rebuild=rebuild)
        hardware |= self._follow_tunnels(changes.get("Tunnel", ()), rebuild=rebuild)
        self._macs("ucast", changes.get("Ucast_Macs_Remote", ()))
        self._macs("mcast", changes.get("Mcast_Macs_Remote", ()))
        self.reports.apply(changes, self._addresses)
        touched, self._touched = self._touched, set()
        return Touched(touched, hardware)

    def _start_over(self) -> dict[str, list[RowChange]]:
        """Clear every index, because a switch was renamed; return all rows as new."""
        self._touched.update(self._rows)
        indexes: tuple[dict[Any, Any], ...] = (self._names, self._switches, self._bound, self._rows, self._keys_of)
        for index in indexes:
            index.clear()
        self.reports.clear()
        return {
            table: [RowChange(uuid, None, row) for uuid, row in rows.items()] for table, rows in self._tables.items()
        }

    def _logical_switches(self, changes: Iterable[RowChange]) -> None:
        for uuid, _, new in changes:
            self._unindex(uuid)
            self._switches.pop(self._names.pop(uuid, ""), None)
            if new is not None and is_ours(new["name"]):
                self._names[uuid] = new["name"]
                self._switches[new["name"]] = uuid
                self._index(("switch", new["name"]), uuid)
                if new.get("replication_mode") == SOURCE_NODE:
                    self._index(("replication", new["name"]), uuid)

    def _physical_locators(self, changes: Iterable[RowChange]) -> None:
        for uuid, old, new in changes:
            before = self._addresses.pop(uuid, "")
            if self._locators.get(before) == uuid:
                del self._locators[before]
            if new is not None:
                self._addresses[uuid] = _address(new)
                self._locators[self._addresses[uuid]] = uuid
            if old is not None and new is not None:
                self._touched.update(self._rows)  # only its tunnel key can change, which is rare

    def _physical_ports(self, changes: Iterable[RowChange], *, rebuild: bool) -> bool:
        """Update the bindings; return whether ports may have been added, removed or renamed.

        Adding or removing a port changes its Physical_Switch in the same commit (`rebuild`).
        """
        rebuild = rebuild or _renamed(changes)
        for uuid in list(self._bound) if rebuild else [change.uuid for change in changes if change.uuid in self._bound]:
            self._unindex(uuid)
            del self._bound[uuid]
            if not rebuild:
                self._index_port(uuid)
        if rebuild:
            self._ports.clear()
            self.hardware = self._physical_switch()
            for uuid in self._of_switch("ports"):
                self._index_port(uuid)
                self._ports.setdefault(self._tables["Physical_Port"][uuid]["name"], []).append(uuid)
        return rebuild

    def _physical_switch(self) -> str | None:
        """Return the switch with the management address, else the first by name: some have no address."""
        switches = sorted(self._tables["Physical_Switch"].items(), key=lambda item: str(item[1]["name"]))
        mine = (uuid for uuid, row in switches if self._management_ip in decode_set(row["management_ips"]))
        return next(mine, switches[0][0] if switches else None)

    def _of_switch(self, column: str) -> list[str]:
        row = self._tables["Physical_Switch"].get(self.hardware or "")
        return sorted(decode_set(row[column])) if row is not None and column in row else []

    def _follow_tunnels(self, changes: Iterable[RowChange], *, rebuild: bool) -> bool:
        """Index the tunnels with the mark of this project; return whether any may have changed."""
        changed = {change.uuid for change in changes}
        if rebuild:
            changed |= self._tunnels
            self._tunnels = set(self._of_switch("tunnels"))
            changed |= self._tunnels
        for uuid in changed:
            self._unindex(uuid)
            row = self._tables["Tunnel"].get(uuid) if uuid in self._tunnels else None
            if row is not None and MARK in decode_map(row["bfd_params"]):
                self._index(("bfd", self._ends(row)[1]), uuid)
        return bool(changed)

    def _index_port(self, uuid: str) -> None:
        row = self._tables["Physical_Port"][uuid]
        bound = decode_map(row["vlan_bindings"])
        self._bound[uuid] = {vlan: switch for vlan, switch in bound.items() if switch in self._names}
        for vlan in self._bound[uuid]:
            self._index(("binding", row["name"], vlan), uuid)

    def _macs(self, kind: Literal["ucast", "mcast"], changes: Iterable[RowChange]) -> None:
        for uuid, old, new in changes:
            if old is not None:
                self._unindex(uuid)
            switch = self._names.get(decode_ref(new["logical_switch"])) if new is not None else None
            if new is not None and switch is not None:
                self._index((kind, switch, new["MAC"]), uuid)

    def _index(self, key: Key, uuid: str) -> None:
        self._rows[key] = (*self._rows[key], uuid) if key in self._rows else (uuid,)
        self._keys_of[uuid] = (*self._keys_of[uuid], key) if uuid in self._keys_of else (key,)
        self._touched.add(key)

    def _unindex(self, uuid: str) -> None:
        for key in self._keys_of.pop(uuid, ()):
            left = tuple(row for row in self._rows[key] if row != uuid)
            if left:
                self._rows[key] = left
            else:
                del self._rows[key]
            self._touched.add(key)


def parse_checkpoint(config: Mapping[str, str]) -> Checkpoint | None:
    """Return the checkpoint in `Global.other_config`, or None if there is no readable one."""
    if not _NUMBER.fullmatch(config.get(POSITION, "")) or HASH not in config:
        return None
    return Checkpoint(int(config[POSITION]), config[HASH])


def _address(locator: Row) -> str:
    """Return a locator's address; with a tunnel key it differs from the plain one."""
    tunnel_key = decode_set(locator["tunnel_key"])
    return f"{locator['dst_ip']} key {tunnel_key[0]}" if tunnel_key else str(locator["dst_ip"])


def _renamed(changes: Iterable[RowChange]) -> bool:
    return any(old is not None and new is not None and old["name"] != new["name"] for _, old, new in changes)
