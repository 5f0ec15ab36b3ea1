"""The VTEP target on a real OVSDB server: what it writes is what vtep-ctl shows, and nothing else changes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from vtep_switch import VtepSwitch, mac, reconcile
from waiting import eventually

from midonet.events.errors import Misconfigured, Unavailable
from midonet.projections.base import Checkpoint, Fenced, Unwritable
from midonet.projections.ovsdb import encode_map, named_ref, ref
from midonet.projections.vtep import Key, Value, VtepTarget, read_checkpoint, read_rows
from midonet.projections.vtep.database_state import DatabaseState
from midonet.testbed import OvsdbServer

Targets = Callable[..., VtepTarget]
RED, BLUE = "mn-red", "mn-blue"
DESIRED: dict[Key, Value] = {
    ("switch", RED): 10001,
    ("switch", BLUE): 10002,
    ("binding", "swp1", 0): RED,
    ("binding", "swp1", 7): BLUE,
    ("binding", "swp2", 7): RED,
    ("ucast", RED, mac(1)): ("172.31.0.1", "10.0.0.1"),
    ("ucast", RED, mac(2)): ("172.31.0.2", ""),
    ("ucast", BLUE, mac(1)): ("172.31.0.1", ""),
    ("mcast", RED, "unknown-dst"): ("172.31.0.1",),
    ("mcast", BLUE, "unknown-dst"): ("172.31.0.1", "172.31.0.2"),
}


def at(position: int) -> Checkpoint:
    return Checkpoint(position, f"{position:064x}")


def test_a_fresh_database_gets_a_checkpoint_at_position_0() -> None:
    """It may not even have the row of Global that everything in it hangs on."""
    with OvsdbServer() as server:
        server.vtep_ctl("destroy", "Global", ".")
        assert read_checkpoint(*server.tcp) == Checkpoint()
        target = VtepTarget(*server.tcp)
        assert target.load() == (Checkpoint(), {})
        assert server.vtep_ctl("get", "Global", ".", "other_config:midonet-position").strip() == '"0"'
        target.write({("switch", RED): 10001}, at(3))
        assert read_checkpoint(*server.tcp) == at(3)
        target.close()


def test_written_rows_are_shown_by_vtep_ctl(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 5)
    assert switch.vtep_ctl("list-ls").split() == [BLUE, RED]
    assert switch.vtep_ctl("get", "Logical_Switch", RED, "tunnel_key").strip() == "10001"
    assert switch.bindings("swp1") == f"0000 {RED}\n0007 {BLUE}"
    assert switch.bindings("swp2") == f"0007 {RED}"
    assert switch.macs(RED) == [
        "ucast-mac-remote",
        f"{mac(1)} -> vxlan_over_ipv4/172.31.0.1",
        f"{mac(2)} -> vxlan_over_ipv4/172.31.0.2",
        "mcast-mac-remote",
        "unknown-dst -> vxlan_over_ipv4/172.31.0.1",
    ]
    assert switch.macs(BLUE)[-2:] == [
        "unknown-dst -> vxlan_over_ipv4/172.31.0.1",
        "unknown-dst -> vxlan_over_ipv4/172.31.0.2",
    ]
    assert {row["MAC"]: row["ipaddr"] for row in switch.table("Ucast_Macs_Remote").values() if row["ipaddr"]} == {
        mac(1): "10.0.0.1"
    }
    assert len(switch.table("Physical_Locator")) == 2
    assert switch.config() == {"midonet-position": "5", "midonet-hash": f"{5:064x}"}


def test_load_returns_the_written_values(targets: Targets, switch: VtepSwitch) -> None:
    target = targets()
    reconcile(target, DESIRED, 5)
    assert not target.drifted()
    assert target.load() == targets().load() == (at(5), DESIRED)
    assert read_rows(*switch.tcp) == DESIRED


def test_a_transaction_of_its_own_is_no_drift(target: VtepTarget) -> None:
    woken: list[bool] = []
    target.on_change(lambda: woken.append(True))
    for position in range(20):
        reconcile(target, {**DESIRED, ("ucast", RED, mac(9)): (f"172.31.1.{position}", "")}, position)
        assert not target.drifted()
    reconcile(target, {}, 20)
    assert not target.drifted()
    assert not woken


def test_every_value_can_change(targets: Targets) -> None:
    target = targets()
    reconcile(target, DESIRED, 1)
    changed: dict[Key, Value] = {
        ("switch", RED): 10002,
        ("switch", BLUE): 10001,
        ("binding", "swp1", 0): BLUE,
        ("binding", "swp1", 7): RED,
        ("binding", "swp3", 4095): RED,
        ("ucast", RED, mac(1)): ("172.31.0.3", ""),
        ("ucast", RED, mac(2)): ("172.31.0.2", "10.0.0.2"),
        ("mcast", RED, "unknown-dst"): ("172.31.0.3",),
        ("mcast", BLUE, "unknown-dst"): ("172.31.0.2",),
    }
    reconcile(target, changed, 2)
    assert not target.drifted()
    assert targets().load() == (at(2), changed)


def test_a_switch_goes_with_all_that_hangs_on_it(switch: VtepSwitch, targets: Targets) -> None:
    """The MACs that the hardware learned refer to it as well, and would keep it in place."""
    target = targets()
    reconcile(target, DESIRED, 1)
    switch.vtep_ctl("add-ucast-local", RED, "00:11:22:33:44:55", "172.31.9.1")
    switch.vtep_ctl("add-mcast-local", RED, "unknown-dst", "172.31.9.1")
    rest = {key: value for key, value in DESIRED.items() if RED not in (key[1], value)}
    reconcile(target, rest, 2)
    assert not target.drifted()
    assert targets().load() == (at(2), rest)
    assert switch.vtep_ctl("list-ls").split() == [BLUE]


def test_a_vni_moves_from_a_switch_that_goes_to_one_that_comes(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, {("switch", RED): 10001, ("binding", "swp1", 0): RED}, 1)
    reconcile(target, {("switch", BLUE): 10001, ("binding", "swp1", 0): BLUE}, 2)
    assert [row["tunnel_key"] for row in switch.table("Logical_Switch").values()] == [10001]
    assert switch.bindings() == f"0000 {BLUE}"


def test_unreferenced_locator_is_removed(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    reconcile(target, {("switch", RED): 10001}, 2)
    assert switch.table("Physical_Locator") == switch.table("Physical_Locator_Set") == {}
    reconcile(target, DESIRED, 3)
    assert len(switch.table("Physical_Locator")) == 2


def test_foreign_locator_without_key_is_shared(switch: VtepSwitch, target: VtepTarget) -> None:
    switch.vtep_ctl("add-ls", "theirs", "--", "add-ucast-remote", "theirs", mac(1), "172.31.0.1")
    reconcile(target, {("switch", RED): 10001, ("ucast", RED, mac(1)): ("172.31.0.1", "")}, 1)
    ((uuid, row),) = switch.table("Physical_Locator").items()
    assert row["dst_ip"] == "172.31.0.1"
    switch.vtep_ctl("set", "Physical_Locator", uuid, "tunnel_key=5")
    eventually(target.drifted)
    assert target.drift() == {("ucast", RED, mac(1)): (("172.31.0.1", ""), ("172.31.0.1 key 5", ""))}
    reconcile(target, {("switch", RED): 10001, ("ucast", RED, mac(1)): ("172.31.0.1", "")}, 2)
    assert sorted(str(row["tunnel_key"]) for row in switch.table("Physical_Locator").values()) == ["5", "['set', []]"]


def test_foreign_data_is_unchanged(switch: VtepSwitch, target: VtepTarget) -> None:
    """Not even their `_version` changes, as it does when a row is written."""
    switch.vtep_ctl("add-ls", "theirs", "--", "set", "Logical_Switch", "theirs", "tunnel_key=10001")
    switch.vtep_ctl("bind-ls", "tor", "swp3", "9", "theirs")
    for command in ("add-ucast-remote", "add-ucast-local", "add-mcast-remote"):
        switch.vtep_ctl(command, "theirs", "unknown-dst" if "mcast" in command else mac(1), "172.31.7.7")
    switch.vtep_ctl("set", "Global", ".", "other_config:theirs=7")
    tables = ["Logical_Switch", "Ucast_Macs_Remote", "Ucast_Macs_Local", "Mcast_Macs_Remote", "Physical_Switch"]
    tables += ["Physical_Port", "Physical_Locator", "Physical_Locator_Set"]
    before = {table: switch.table(table) for table in tables}
    reconcile(target, DESIRED, 1)
    target.clear()
    target.close()
    after = {table: switch.table(table) for table in tables}
    written = {uuid for uuid, row in before["Physical_Port"].items() if row["name"] in ("swp1", "swp2")}
    for uuid in written:
        assert after["Physical_Port"].pop(uuid)["vlan_bindings"] == before["Physical_Port"].pop(uuid)["vlan_bindings"]
    assert after == before
    assert switch.config() == {"theirs": "7"}


def test_binding_replaces_a_foreign_one(switch: VtepSwitch, target: VtepTarget) -> None:
    switch.vtep_ctl("add-ls", "theirs", "--", "bind-ls", "tor", "swp1", "0", "theirs")
    assert target.load()[1] == {}
    reconcile(target, {("switch", RED): 10001, ("binding", "swp1", 0): RED}, 1)
    assert switch.bindings() == f"0000 {RED}"


def test_one_of_several_rows_remains(switch: VtepSwitch, targets: Targets) -> None:
    """The schema has no index on the MAC tables."""
    reconcile(targets(), DESIRED, 1)
    (red,) = (row["_uuid"] for row in switch.table("Logical_Switch").values() if row["name"] == RED)
    (locator, *_) = (row["_uuid"] for row in switch.table("Physical_Locator").values())
    row = {"logical_switch": red, "locator": locator, "MAC": mac(1), "ipaddr": ""}
    more = {"MAC": "unknown-dst", "logical_switch": red, "locator_set": named_ref("set")}
    switch.transact(
        {"op": "insert", "table": "Ucast_Macs_Remote", "row": row},
        {"op": "insert", "table": "Ucast_Macs_Remote", "row": row},
        {"op": "insert", "table": "Physical_Locator_Set", "row": {"locators": locator}, "uuid-name": "set"},
        {"op": "insert", "table": "Mcast_Macs_Remote", "row": more},
    )
    target = targets()
    wrong = reconcile(target, DESIRED, 2)
    assert wrong.keys() == {("ucast", RED, mac(1)), ("mcast", RED, "unknown-dst")}
    assert targets().load() == (at(2), DESIRED)
    assert len(switch.table("Ucast_Macs_Remote")) == 3
    assert len(switch.table("Mcast_Macs_Remote")) == 2


def test_binding_waits_for_its_port_without_delaying_others(switch: VtepSwitch, target: VtepTarget) -> None:
    woken: list[bool] = []
    target.on_change(lambda: woken.append(True))
    late: Key = ("binding", "swp9", 0)
    desired: dict[Key, Value] = {**DESIRED, late: RED}
    reconcile(target, desired, 1)
    assert target.waiting() == {late: "the switch has no physical port swp9 (yet)"}
    assert read_rows(*switch.tcp) == DESIRED
    assert not target.drifted()
    assert target.load() == (at(1), desired), "nothing is to be repaired about it meanwhile"
    switch.vtep_ctl("add-port", "tor", "swp9")
    eventually(target.drifted)
    assert woken
    reconcile(target, desired, 2)
    assert target.waiting() == {}
    assert switch.bindings("swp9") == f"0000 {RED}"
    assert not target.drifted()


def test_waiting_keys_pass_to_the_new_writer(targets: Targets) -> None:
    overtaken, faster = targets(), targets()
    late: Key = ("binding", "swp9", 0)
    reconcile(overtaken, {**DESIRED, late: RED}, 1)
    reconcile(faster, DESIRED, 2)
    assert overtaken.load() == (at(2), DESIRED), "it may be wanted no more"
    assert overtaken.unblocked() == {late}, "no other client removed it"
    assert overtaken.waiting() == {}


def test_a_port_that_goes_takes_its_bindings_along_until_it_comes_back(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    switch.vtep_ctl("del-port", "tor", "swp2")
    eventually(target.drifted)
    reconcile(target, DESIRED, 2)
    assert target.waiting().keys() == {("binding", "swp2", 7)}
    assert not target.drifted()
    switch.vtep_ctl("add-port", "tor", "swp2")
    eventually(target.drifted)
    reconcile(target, DESIRED, 3)
    assert switch.bindings("swp2") == f"0007 {RED}"


def test_only_ports_of_the_switch_with_the_management_address_are_bound(switch: VtepSwitch, target: VtepTarget) -> None:
    switch.add_switch("another", ["swp1", "swp8"], tunnel_ip="172.31.9.2", management_ip="192.0.2.9")
    switch.vtep_ctl("add-ls", "mn-old", "--", "bind-ls", "another", "swp8", "0", "mn-old")
    assert target.load()[1] == {("switch", "mn-old"): 0}
    reconcile(target, {**DESIRED, ("binding", "swp8", 0): RED}, 1)
    assert target.waiting().keys() == {("binding", "swp8", 0)}
    assert switch.vtep_ctl("list-bindings", "another", "swp1") == ""
    assert switch.vtep_ctl("list-ls").split() == [BLUE, RED]


def test_a_switch_that_names_no_management_address_is_taken_too(switch: VtepSwitch, target: VtepTarget) -> None:
    switch.vtep_ctl("clear", "Physical_Switch", "tor", "management_ips")
    reconcile(target, DESIRED, 1)
    assert target.waiting() == {}


def test_the_second_of_two_writers_is_fenced(switch: VtepSwitch, targets: Targets) -> None:
    first, second = targets(), targets()
    first.load()
    second.load()
    first.write({("switch", RED): 10001}, at(1))
    with pytest.raises(Fenced):
        second.write({("switch", BLUE): 10002}, at(1))
    assert switch.vtep_ctl("list-ls").split() == [RED]
    assert second.drifted()
    assert second.load() == (at(1), {("switch", RED): 10001})
    second.write({("switch", BLUE): 10002}, at(2))
    with pytest.raises(Fenced):
        first.write({}, at(2))
    assert switch.vtep_ctl("list-ls").split() == [BLUE, RED]


def test_a_checkpoint_that_makes_no_sense_counts_as_none(switch: VtepSwitch, target: VtepTarget) -> None:
    switch.vtep_ctl("set", "Global", ".", "other_config:midonet-position=many")
    assert read_checkpoint(*switch.tcp) == Checkpoint()
    assert target.load() == (Checkpoint(), {})
    target.write({}, at(1))
    assert read_checkpoint(*switch.tcp) == at(1)


def test_foreign_change_of_the_checkpoint_is_detected(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    switch.vtep_ctl("remove", "Global", ".", "other_config", "midonet-position")
    eventually(target.drifted)
    with pytest.raises(Fenced):
        target.write({}, at(2))
    assert target.load() == (Checkpoint(), DESIRED)


def test_a_switch_that_a_foreign_row_holds_is_named_and_nothing_is_written(
    switch: VtepSwitch, target: VtepTarget
) -> None:
    reconcile(target, DESIRED, 1)
    switch.vtep_ctl("add-lr", "router")
    (red,) = (uuid for uuid, row in switch.table("Logical_Switch").items() if row["name"] == RED)
    binding = encode_map({"10.0.0.0/24": ref(red)})
    switch.transact({"op": "update", "table": "Logical_Router", "where": [], "row": {"switch_binding": binding}})
    with pytest.raises(Unwritable, match="referential integrity") as caught:
        reconcile(target, {}, 2)
    assert caught.value.key == ("switch", RED)
    assert target.load() == (at(1), DESIRED)
    reconcile(target, {("switch", RED): 10001}, 3)
    assert read_rows(*switch.tcp) == {("switch", RED): 10001}


def test_thousands_of_rows_go_in_batches_and_the_checkpoint_moves_last(switch: VtepSwitch, targets: Targets) -> None:
    rows: dict[Key, Value] = {("ucast", RED, mac(n)): (f"172.31.{n % 20}.1", "") for n in range(5000)}
    desired = {**DESIRED, **rows}
    target = targets()
    reconcile(target, desired, 1)
    assert not target.drifted()
    assert targets().load() == (at(1), desired)
    reconcile(target, {}, 2)
    assert switch.table("Ucast_Macs_Remote") == {}


def test_large_delta_can_be_completed_by_another_writer(targets: Targets) -> None:
    """All rows behind an address that is new to the switch are in one transaction, which waits for no other."""
    target = targets(batch=50)
    reconcile(target, {("switch", RED): 10001}, 1)
    stations: dict[Key, Value] = {("ucast", RED, mac(n)): (f"172.31.0.{n % 10}", "") for n in range(400)}
    crowd: dict[Key, Value] = {("ucast", RED, mac(400 + n)): ("172.31.1.1", "") for n in range(120)}
    rows: dict[Key, Value | None] = {**stations, **crowd}
    finish = target.begin(rows, at(2))
    assert finish is not None
    finish()
    assert not target.drifted()
    assert targets().load() == (at(2), {("switch", RED): 10001, **stations, **crowd})


def test_a_fence_in_the_middle_of_a_large_delta_leaves_the_checkpoint(targets: Targets) -> None:
    target, rival = targets(batch=1), targets()
    reconcile(target, {("switch", RED): 10001}, 1)
    rival.load()
    rows: dict[Key, Value | None] = {("ucast", RED, mac(n)): ("172.31.0.1", "") for n in range(3000)}
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(target.write, rows, at(3))
        eventually(rival.drifted)
        with pytest.raises(Fenced):  # what was written meanwhile has to be read first; no more of it comes from now on
            rival.write({}, at(2))
        with pytest.raises(Fenced, match="is changing") as fenced:
            writing.result()
        assert fenced.value.bulk
    _, left = rival.load()
    rival.write({}, at(2))
    checkpoint, found = target.load()
    assert found == left
    assert checkpoint == at(2)
    assert 1 < len(found) < len(rows)


def test_a_part_that_fails_among_others_leaves_the_checkpoint(
    targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are under way at once: those after the one that fails may get through, but not the checkpoint."""
    target = targets(batch=10)
    known: dict[Key, Value] = {("ucast", RED, mac(60 + n)): (f"172.31.0.{n}", "") for n in (1, 3)}
    there: dict[Key, Value] = {("switch", RED): 10001, **known}
    reconcile(target, there, 1)
    rows: dict[Key, Value] = {("ucast", RED, mac(n)): (f"172.31.0.{1 if n < 20 else 3}", "") for n in range(60)}
    lost = {**rows, ("ucast", RED, mac(25)): ("172.31.0.2", "")}
    locator = DatabaseState.locator
    monkeypatch.setattr(
        DatabaseState, "locator", lambda self, one: str(UUID(int=1)) if one[-1] == "2" else locator(self, one)
    )
    with pytest.raises(Unavailable, match="referential integrity"):
        target.write(lost, at(2))
    monkeypatch.undo()
    assert target.drifted()
    checkpoint, found = target.load()
    assert checkpoint == at(1)
    assert {("ucast", RED, mac(n)) for n in range(20)} < found.keys() < {*there, *rows}
    assert ("ucast", RED, mac(25)) not in found
    reconcile(target, {**there, **lost}, 2)
    assert targets().load() == (at(2), {**there, **lost})


def test_closing_removes_nothing(switch: VtepSwitch, target: VtepTarget) -> None:
    reconcile(target, DESIRED, 1)
    target.close()
    assert read_rows(*switch.tcp) == DESIRED
    assert read_checkpoint(*switch.tcp) == at(1)
    with pytest.raises(Unavailable, match="load it first"):
        target.write({}, at(2))
    assert target.load() == (at(1), DESIRED)


def test_another_kind_of_database_is_refused_before_anything_is_written() -> None:
    with OvsdbServer("Open_vSwitch") as server:
        with pytest.raises(Misconfigured, match="no database hardware_vtep"):
            VtepTarget(*server.tcp).load()
        with pytest.raises(Misconfigured):
            read_checkpoint(*server.tcp)
        with pytest.raises(Misconfigured):
            read_rows(*server.tcp)
