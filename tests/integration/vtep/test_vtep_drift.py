"""Changes of our rows by other clients are found, recorded and repaired; foreign rows stay as they are."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random
from threading import Event
from typing import Any

import pytest
from vtep_switch import VtepSwitch, keep, mac, reconcile
from waiting import eventually

from midonet.events.errors import Rejected, Unavailable
from midonet.projections.base import Checkpoint, Fenced
from midonet.projections.ovsdb import encode_map, encode_set, named_ref, ref
from midonet.projections.vtep import Key, Value, VtepTarget, read_rows

RED, BLUE = "mn-red", "mn-blue"
MAC1: Key = ("ucast", RED, mac(1))
FLOOD: Key = ("mcast", RED, "unknown-dst")
DESIRED: dict[Key, Value] = {
    ("switch", RED): 10001,
    ("switch", BLUE): 10002,
    ("binding", "swp1", 0): RED,
    ("binding", "swp1", 7): BLUE,
    MAC1: ("172.31.0.1", "10.0.0.1"),
    ("ucast", RED, mac(2)): ("172.31.0.2", ""),
    FLOOD: ("172.31.0.1",),
    ("mcast", BLUE, "unknown-dst"): ("172.31.0.1",),
}


def row_of(switch: VtepSwitch, table: str, column: str, value: str) -> str:
    """Return the UUID of the row with this value in a column."""
    return next(uuid for uuid, row in switch.table(table).items() if row[column] == value)


def delete_mac(switch: VtepSwitch) -> None:
    switch.vtep_ctl("del-ucast-remote", RED, mac(1))


def change_locator(switch: VtepSwitch) -> None:
    other = row_of(switch, "Physical_Locator", "dst_ip", "172.31.0.2")
    switch.vtep_ctl("set", "Ucast_Macs_Remote", row_of(switch, "Ucast_Macs_Remote", "MAC", mac(1)), f"locator={other}")


def change_ip(switch: VtepSwitch) -> None:
    uuid = row_of(switch, "Ucast_Macs_Remote", "MAC", mac(1))
    switch.vtep_ctl("set", "Ucast_Macs_Remote", uuid, "ipaddr=10.9.9.9")


def add_mac(switch: VtepSwitch) -> None:
    switch.vtep_ctl("add-ucast-remote", RED, "AA:BB:CC:DD:EE:FF", "172.31.7.7")


def change_key(switch: VtepSwitch) -> None:
    switch.vtep_ctl("set", "Logical_Switch", RED, "tunnel_key=666")


def clear_key(switch: VtepSwitch) -> None:
    switch.vtep_ctl("clear", "Logical_Switch", RED, "tunnel_key")


def remove_binding(switch: VtepSwitch) -> None:
    switch.vtep_ctl("unbind-ls", "tor", "swp1", "0")


def redirect_binding(switch: VtepSwitch) -> None:
    switch.vtep_ctl("unbind-ls", "tor", "swp1", "0", "--", "bind-ls", "tor", "swp1", "0", "theirs")


def add_binding(switch: VtepSwitch) -> None:
    switch.vtep_ctl("bind-ls", "tor", "swp3", "5", BLUE)


def rename_switch(switch: VtepSwitch) -> None:
    switch.vtep_ctl("set", "Logical_Switch", RED, "name=stolen")
    switch.vtep_ctl("unbind-ls", "tor", "swp1", "0")
    switch.vtep_ctl("clear-remote-macs", "stolen", "--", "del-ls", "stolen")


def delete_switch(switch: VtepSwitch) -> None:
    switch.vtep_ctl("clear-remote-macs", RED, "--", "unbind-ls", "tor", "swp1", "0", "--", "del-ls", RED)


def add_switch(switch: VtepSwitch) -> None:
    switch.vtep_ctl("add-ls", "mn-green", "--", "add-ucast-remote", "mn-green", mac(1), "172.31.7.7")


def delete_flood(switch: VtepSwitch) -> None:
    switch.vtep_ctl("del-mcast-remote", RED, "unknown-dst", "172.31.0.1")


def change_flood(switch: VtepSwitch) -> None:
    switch.vtep_ctl("add-mcast-remote", RED, "unknown-dst", "172.31.0.2")


def address_flood(switch: VtepSwitch) -> None:
    red = row_of(switch, "Logical_Switch", "name", RED)
    where = [["logical_switch", "==", ref(red)]]
    switch.transact({"op": "update", "table": "Mcast_Macs_Remote", "where": where, "row": {"ipaddr": "10.0.0.1"}})


def second_flood(switch: VtepSwitch) -> None:
    """A second row for the same, which the schema allows."""
    red, locator = row_of(switch, "Logical_Switch", "name", RED), next(iter(switch.table("Physical_Locator")))
    row = {"MAC": "unknown-dst", "logical_switch": ref(red), "locator_set": named_ref("set")}
    switch.transact(
        {
            "op": "insert",
            "table": "Physical_Locator_Set",
            "row": {"locators": encode_set([ref(locator)])},
            "uuid-name": "set",
        },
        {"op": "insert", "table": "Mcast_Macs_Remote", "row": row},
    )


def empty(switch: VtepSwitch) -> None:
    """All of ours, and the checkpoint, but not the server."""
    for table in ("Ucast_Macs_Remote", "Mcast_Macs_Remote"):
        switch.transact({"op": "delete", "table": table, "where": []})
    switch.vtep_ctl("--", "clear", "Physical_Port", row_of(switch, "Physical_Port", "name", "swp1"), "vlan_bindings")
    switch.vtep_ctl("del-ls", RED, "--", "del-ls", BLUE, "--", "clear", "Global", ".", "other_config")


EDITS: dict[Callable[[VtepSwitch], None], Key] = {
    delete_mac: MAC1,
    change_locator: MAC1,
    change_ip: MAC1,
    add_mac: ("ucast", RED, "AA:BB:CC:DD:EE:FF"),
    change_key: ("switch", RED),
    clear_key: ("switch", RED),
    remove_binding: ("binding", "swp1", 0),
    redirect_binding: ("binding", "swp1", 0),
    add_binding: ("binding", "swp3", 5),
    rename_switch: ("switch", RED),
    delete_switch: ("switch", RED),
    add_switch: ("switch", "mn-green"),
    delete_flood: FLOOD,
    change_flood: FLOOD,
    address_flood: FLOOD,
    second_flood: FLOOD,
    empty: ("switch", BLUE),
}


@pytest.mark.parametrize(("edit", "key"), EDITS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_edit_is_detected_recorded_and_repaired(
    switch: VtepSwitch, target: VtepTarget, edit: Callable[[VtepSwitch], None], key: Key
) -> None:
    switch.vtep_ctl("add-ls", "theirs", "--", "add-ucast-remote", "theirs", mac(9), "172.31.7.7")
    woken: list[bool] = []
    target.on_change(lambda: woken.append(True))
    reconcile(target, DESIRED, 1)
    theirs = switch.table("Logical_Switch")[row_of(switch, "Logical_Switch", "name", "theirs")]
    edit(switch)
    eventually(lambda: key in target.drift())
    assert woken
    expected, found = target.drift()[key]
    assert expected == DESIRED.get(key)
    assert found != expected
    wrong = keep(target, DESIRED, 2)
    assert key in wrong
    assert not target.drifted()
    assert target.drift() == {}
    assert read_rows(*switch.tcp) == DESIRED
    assert switch.table("Logical_Switch")[theirs["_uuid"][1]] == theirs


def test_an_edit_that_was_taken_back_is_no_drift(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    change_key(switch)
    eventually(target.drifted)
    switch.vtep_ctl("set", "Logical_Switch", RED, "tunnel_key=10001")
    eventually(lambda: not target.drifted())


def test_an_edit_between_two_writes_does_not_get_lost(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    for position in range(2, 30):
        change_ip(switch)
        target.write({("ucast", RED, mac(position)): ("172.31.0.2", "")}, Checkpoint(position))
        eventually(target.drifted)
        assert target.drift().keys() == {MAC1}
        target.write({MAC1: DESIRED[MAC1]}, Checkpoint(position))
        assert not target.drifted()


def test_foreign_changes_are_ignored(switch: VtepSwitch, target: VtepTarget) -> None:
    woken: list[bool] = []
    target.on_change(lambda: woken.append(True))
    reconcile(target, DESIRED, 1)
    switch.vtep_ctl("add-ls", "theirs", "--", "bind-ls", "tor", "swp3", "5", "theirs")
    switch.vtep_ctl("add-ucast-remote", "theirs", mac(1), "172.31.0.1", "--", "set", "Global", ".", "other_config:a=b")
    switch.vtep_ctl("add-ucast-local", RED, mac(77), "172.31.9.1")
    switch.vtep_ctl("add-port", "tor", "swp4")
    target.write({}, Checkpoint(2))
    assert not target.drifted()
    assert not woken


def test_random_foreign_changes_are_repaired(switch: VtepSwitch, targets: Callable[..., VtepTarget]) -> None:
    """Two writers that fence each other and one that respects nothing."""
    rng = Random(7)  # noqa: S311 - makes test data
    switch.vtep_ctl("add-ls", "theirs", "--", "add-ucast-remote", "theirs", mac(9), "172.31.0.1")
    theirs = {uuid: row for uuid, row in switch.table("Ucast_Macs_Remote").items() if row["MAC"] == mac(9)}
    stop = Event()
    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(keep_until, stop, targets()) for _ in range(2)]
        for _ in range(150):
            meddle(switch, rng)
        stop.set()
        assert all(writer.result() > 0 for writer in writers)
    reconcile(targets(), DESIRED, 0)
    assert read_rows(*switch.tcp) == DESIRED
    assert {uuid: row for uuid, row in switch.table("Ucast_Macs_Remote").items() if uuid in theirs} == theirs


def keep_until(stop: Event, target: VtepTarget) -> int:
    """Keep a target equal until told to stop; return how often it was written."""
    writes = 0
    while not stop.is_set():
        with suppress(Fenced, Unavailable):
            if target.drifted():
                reconcile(target, DESIRED, writes)
                writes += 1
    return writes


def meddle(switch: VtepSwitch, rng: Random) -> None:
    """Change something of ours, or try to."""
    ours = [ref(uuid) for uuid, row in switch.table("Logical_Switch").items() if row["name"] != "theirs"]
    if not ours:
        return
    table = rng.choice(["Ucast_Macs_Remote", "Mcast_Macs_Remote"])
    of_ours = [["logical_switch", "==", rng.choice(ours)]]
    port = [["name", "==", rng.choice(["swp1", "swp2"])]]
    target = encode_map({rng.choice([0, 7]): rng.choice(ours)})
    operations: list[dict[str, Any]] = [
        {"op": "delete", "table": table, "where": of_ours},
        {"op": "update", "table": table, "where": of_ours, "row": {"ipaddr": "10.9.9.9"}},
        {"op": "update", "table": table, "where": of_ours, "row": {"logical_switch": rng.choice(ours)}},
        {"op": "update", "table": table, "where": of_ours, "row": {"MAC": "twice"}},
        {"op": "update", "table": "Physical_Port", "where": port, "row": {"vlan_bindings": target}},
        {"op": "update", "table": "Logical_Switch", "where": [["_uuid", "==", ours[0]]], "row": {"tunnel_key": 1}},
        {"op": "update", "table": "Logical_Switch", "where": [["_uuid", "==", ours[0]]], "row": {"name": "stolen"}},
        {"op": "delete", "table": "Logical_Switch", "where": [["_uuid", "==", ours[0]]]},
    ]
    with suppress(Rejected):
        switch.transact(rng.choice(operations))
