"""Converts values to the operations of one OVSDB transaction (RFC 7047 §5.2).

Pure: it finds rows in the actual state and collects operations. Locators are found or inserted in the same transaction,
because the database deletes locators without references. No row without a key is changed.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from midonet.projections.base import Checkpoint, Fenced
from midonet.projections.ovsdb import encode_map, encode_set, named_ref, ref
from midonet.projections.vtep.database_state import DatabaseState
from midonet.projections.vtep.keys import HASH, MARK, POSITION, Key, Value

Delta = Mapping[Key, Value | None]
Operation = dict[str, Any]

_ORDER = {"switch": 1, "replication": 2, "mcast": 3, "binding": 4, "ucast": 5, "bfd": 6}
_MAC_TABLES = {"ucast": "Ucast_Macs_Remote", "mcast": "Mcast_Macs_Remote"}
_LIGHT = {
    "insert": {("insert", "Ucast_Macs_Remote"), ("insert", "Physical_Locator")},
    "delete": {("delete", "Ucast_Macs_Remote")},
}
LOCAL_MAC_TABLES = ("Ucast_Macs_Local", "Mcast_Macs_Local")

BATCH_ROWS = 500
"""Maximum rows of one transaction: the OVSDB server serves no other client while it runs one."""


def batches(delta: Delta, size: int) -> Iterator[Delta]:
    """Yield a delta in parts to be committed in order; one empty part if there is no change.

    Removals come first, so that two switches never share a VNI. Then come bindings, after which ports are reachable
    through the flooding proxy. Single MACs follow, those behind one tunnel address in one part where possible: parts
    that insert different locators can be in flight together.
    """

    def rank(key: Key) -> tuple[bool, int, str]:
        value = delta[key]
        return value is not None, _ORDER[key[0]], value[0] if key[0] == "ucast" and isinstance(value, tuple) else ""

    part: list[Key] = []
    for _, group in groupby(sorted(delta, key=rank), rank):
        keys = list(group)
        if len(part) + len(keys) > size and part:
            yield {key: delta[key] for key in part}
            part = []
        part += keys
        while len(part) > size:
            yield {key: delta[key] for key in part[:size]}
            del part[:size]
    yield {key: delta[key] for key in part}


def create_checkpoint(state: DatabaseState) -> list[Operation]:
    """Return the operation that gives a database a checkpoint at position 0, unless it has one by then."""
    zero = _config(Checkpoint())
    if state.root is None:
        return [{"op": "insert", "table": "Global", "row": {"other_config": encode_map(zero)}}]
    broken = {name: value for name, value in state.config.items() if name in zero}
    return [_mutate("Global", state.root, "other_config", ("delete", encode_map(broken)), ("insert", encode_map(zero)))]


class Transaction:
    """Operations on a database in the actual state; they change nothing if its checkpoint differs.

    Raises `Fenced` if the actual state lacks rows that the delta requires: it must be loaded again.
    """

    def __init__(self, state: DatabaseState, checkpoint: Checkpoint, delta: Delta) -> None:
        if state.root is None:
            raise Fenced("the checkpoint was removed")
        self.delta = delta
        self.checkpoint: Checkpoint | None = checkpoint
        """The checkpoint after the transaction."""
        self.operations: list[Operation] = [_expect(state.root, checkpoint)]
        self.waiting: set[Key] = set()
        """Values that the switch cannot accept at present, for example without a port."""
        self.removed: dict[str, Key] = {}
        """Removed switches by UUID: a foreign row that refers to one of them makes the whole transaction fail."""
        self._state = state
        self._root = state.root
        self._switches: dict[str, list[str]] = {}
        self._locators: dict[str, list[str]] = {}
        self.new_locators: set[str] = set()
        """Addresses of the inserted locators, which no concurrent transaction may insert."""
        self._effects: set[tuple[str, str]] = set()
        for key, value in delta.items():
            if value is None:
                self._remove(key)
            elif state.accepts(key, value):
                self._put(key, value)
            else:
                self.waiting.add(key)

    @property
    def effect(self) -> str | None:
        """`insert` or `delete` if it only does so with rows of single MACs: another such one can be in flight.

        The rows to which it refers exist or are inserted with it. None for all others: the next plan must wait for it.
        """
        return next((effect for effect, alone in _LIGHT.items() if self._effects and self._effects <= alone), None)

    def advance(self, checkpoint: Checkpoint | None) -> None:
        """Move the checkpoint, or remove it."""
        config = _config(checkpoint) if checkpoint is not None else {}
        self.checkpoint = checkpoint
        both = encode_set((POSITION, HASH))
        self._do(_mutate("Global", self._root, "other_config", ("delete", both), ("insert", encode_map(config))))

    def _do(self, operation: Operation) -> None:
        self.operations.append(operation)
        self._effects.add((operation["op"], operation["table"]))

    def _remove(self, key: Key) -> None:
        for uuid in self._state.rows(key):
            match key:
                case ("switch", _):
                    self._remove_switch(key, uuid)
                case ("replication", _):
                    self._update("Logical_Switch", ref(uuid), {"replication_mode": encode_set(())})
                case ("binding", _, vlan):
                    self._unbind(uuid, vlan, self._state.bound(uuid, vlan))
                case ("bfd", _):
                    self._disable_bfd(uuid)
                case (kind, _, _):
                    self._do(_delete(_MAC_TABLES[kind], "_uuid", uuid))

    def _remove_switch(self, key: Key, uuid: str) -> None:
        """Remove a switch with its MACs, including learned ones, and its bindings."""
        self.removed[uuid] = key
        for port, vlan in self._state.bindings_to(uuid):
            self._unbind(port, vlan, uuid)
        for table in (*_MAC_TABLES.values(), *LOCAL_MAC_TABLES):
            self._do(_delete(table, "logical_switch", uuid))
        self._do(_delete("Logical_Switch", "_uuid", uuid))

    def _unbind(self, port: str, vlan: int, switch: str) -> None:
        self._do(_mutate("Physical_Port", port, "vlan_bindings", ("delete", encode_map({vlan: ref(switch)}))))

    def _disable_bfd(self, tunnel: str) -> None:
        """Remove an own tunnel, or own BFD parameters from a tunnel that the switch created."""
        if self._state.is_our_row(tunnel) and self._state.hardware is not None:
            gone = ("delete", encode_set((ref(tunnel),)))
            self._do(_mutate("Physical_Switch", self._state.hardware, "tunnels", gone))
        else:
            self._do(_mutate("Tunnel", tunnel, "bfd_params", ("delete", encode_set(("enable", MARK)))))

    def _enable_bfd(self, key: Key, local: str, remote: str) -> None:
        """Enable BFD between two addresses, on the switch's own tunnel if it has one."""
        present, switch = self._state.rows(key), self._state.hardware
        if present and self._state.value(key) == f"{local} (off)":
            self._set_bfd_params(present[0], "row" if self._state.is_our_row(present[0]) else "params")
            return
        for tunnel in present:
            self._disable_bfd(tunnel)
        free, _ = self._state.tunnel(local, remote) or (None, False)
        if free is not None:
            self._set_bfd_params(free, "params")
        elif switch is not None:
            row = {"local": self._locator(local), "remote": self._locator(remote), "bfd_params": _bfd_params("row")}
            new = ("insert", encode_set((self._insert("Tunnel", row),)))
            self._do(_mutate("Physical_Switch", switch, "tunnels", new))

    def _set_bfd_params(self, tunnel: str, mark: str) -> None:
        steps = ("delete", encode_set(("enable", MARK))), ("insert", _bfd_params(mark))
        self._do(_mutate("Tunnel", tunnel, "bfd_params", *steps))

    def _put(self, key: Key, value: Any) -> None:
        match key:
            case ("ucast", switch, mac):
                self._put_unicast(key, switch, mac, value)
            case ("replication", name):
                self._update("Logical_Switch", self._switch(name), {"replication_mode": value})
            case ("bfd", remote):
                self._enable_bfd(key, value, remote)
            case ("switch", name):
                self._switches[name] = self._write("Logical_Switch", key, {"name": name, "tunnel_key": value})
            case ("binding", port, vlan):
                self._bind(key, self._state.ports(port)[0], vlan, self._switch(value))
            case ("mcast", switch, mac):
                row = {"MAC": mac, "logical_switch": self._switch(switch), "locator_set": self._locator_set(value)}
                self._write("Mcast_Macs_Remote", key, {**row, "ipaddr": ""})

    def _put_unicast(self, key: Key, switch: str, mac: str, value: Any) -> None:
        address, ip = value
        row = {"MAC": mac, "logical_switch": self._switch(switch), "locator": self._locator(address), "ipaddr": ip}
        if self._state.rows(key):
            self._write("Ucast_Macs_Remote", key, row)
        else:  # thousands of rows: without a name the server needs no table of names
            self._do({"op": "insert", "table": "Ucast_Macs_Remote", "row": row})

    def _write(self, table: str, key: Key, row: Mapping[str, Any]) -> list[str]:
        """Make this the only row of the key; return a reference to it."""
        there = self._state.rows(key)
        if not there:
            return self._insert(table, row)
        self._update(table, ref(there[0]), row)
        for uuid in there[1:]:
            self._do(_delete(table, "_uuid", uuid))
        return ref(there[0])

    def _bind(self, key: Key, free: str, vlan: int, switch: list[str]) -> None:
        """Bind the port that is bound already if there are several of the name, else the first."""
        port, *others = self._state.rows(key) or (free,)
        replace = ("delete", encode_set([vlan])), ("insert", encode_map({vlan: switch}))
        self._do(_mutate("Physical_Port", port, "vlan_bindings", *replace))
        for other in others:
            self._unbind(other, vlan, self._state.bound(other, vlan))

    def _switch(self, name: str) -> list[str]:
        if name not in self._switches:
            uuid = self._state.switch(name)
            if uuid is None:
                raise Fenced(f"logical switch {name} was removed")
            self._switches[name] = ref(uuid)
        return self._switches[name]

    def _locator(self, address: str) -> list[str]:
        if address not in self._locators:
            uuid = self._state.locator(address)
            self._locators[address] = ref(uuid) if uuid is not None else self._new_locator(address)
        return self._locators[address]

    def _new_locator(self, address: str) -> list[str]:
        self.new_locators.add(address)
        return self._insert("Physical_Locator", {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": address})

    def _locator_set(self, addresses: tuple[str, ...]) -> list[str]:
        """Locator sets are immutable: a row gets a new set."""
        locators = [self._locator(address) for address in addresses]
        return self._insert("Physical_Locator_Set", {"locators": encode_set(locators)})

    def _update(self, table: str, row: list[str], columns: Mapping[str, Any]) -> None:
        self._do({"op": "update", "table": table, "where": [["_uuid", "==", row]], "row": columns})

    def _insert(self, table: str, row: Mapping[str, Any]) -> list[str]:
        name = f"row{len(self.operations)}"
        self._do({"op": "insert", "table": table, "row": row, "uuid-name": name})
        return named_ref(name)


def _config(checkpoint: Checkpoint) -> dict[str, str]:
    return {POSITION: str(checkpoint.position), HASH: checkpoint.hash}


def _bfd_params(mark: str) -> list[Any]:
    return encode_map({"enable": "true", MARK: mark})


def _expect(root: str, checkpoint: Checkpoint) -> Operation:
    """Return the compare-and-set: it fails with "timed out" at once if the checkpoint differs."""
    where = [*_is("_uuid", root), ["other_config", "includes", encode_map(_config(checkpoint))]]
    rows = [{"_uuid": ref(root)}]
    return {
        "op": "wait",
        "table": "Global",
        "timeout": 0,
        "where": where,
        "columns": ["_uuid"],
        "until": "==",
        "rows": rows,
    }


def _is(column: str, uuid: str) -> list[Any]:
    return [[column, "==", ref(uuid)]]


def _delete(table: str, column: str, uuid: str) -> Operation:
    return {"op": "delete", "table": table, "where": _is(column, uuid)}


def _mutate(table: str, uuid: str, column: str, *mutations: tuple[str, Any]) -> Operation:
    steps = [[column, mutator, value] for mutator, value in mutations]
    return {"op": "mutate", "table": table, "where": _is("_uuid", uuid), "mutations": steps}
