"""Every kind of drift, on a switch that is kept: repaired at once, byte for byte, and nothing of others is touched.

The kinds are those of the comparison with OVN's VTEP controller, which repairs seven of the ten and records none.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from vtep_site import Site
from vtep_switch import VtepSwitch, mac
from waiting import eventually

from midonet.events.commands.command import AddItem
from midonet.projections.base import key_text
from midonet.projections.engine.drift import describe_difference
from midonet.projections.ovsdb import encode_set, named_ref, ref
from midonet.projections.vtep import Key, read_rows

TABLES = (
    "Logical_Switch",
    "Ucast_Macs_Remote",
    "Mcast_Macs_Remote",
    "Ucast_Macs_Local",
    "Physical_Port",
    "Physical_Switch",
    "Tunnel",
    "Global",
)
SECONDS = 1.0
"""Within which a repair has to be there."""


@pytest.fixture
def kept(site: Site, switch: VtepSwitch) -> Site:
    """A switch with stations on two hosts, and foreign rows."""
    site.host("hv2")
    site.run(AddItem("tunnel-zone", "tors", "members", {"host": "hv2", "address": "172.31.0.2"}))
    site.create("port", "p2", bridge="net", host="hv2", interface="tap2")
    site.add_vtep("tor", switch)
    site.set("vtep", "tor", tunnel_ips=["172.31.9.1"], replication="source-node", bfd=True)
    for number, port in ((1, "p1"), (2, "p2")):
        site.create("mac-entry", bridge="net", mac=mac(number), port=port)
    site.create("arp-entry", bridge="net", mac=mac(1), ip="10.0.0.1")
    switch.vtep_ctl("add-ls", "theirs", "--", "set", "Logical_Switch", "theirs", "tunnel_key=7")
    switch.vtep_ctl("add-ucast-remote", "theirs", mac(9), "172.31.7.7", "--", "bind-ls", "tor", "swp2", "9", "theirs")
    switch.vtep_ctl("add-mcast-remote", "theirs", "unknown-dst", "172.31.7.7")
    switch.vtep_ctl("set", "Global", ".", "other_config:theirs=1")
    site.keep()
    site.settle(switch)
    return site


def our_bytes(switch: VtepSwitch) -> list[Any]:
    """Return all rows that are ours in full, references by what they mean, without row ids and versions."""
    switches = {uuid: row for uuid, row in switch.table("Logical_Switch").items() if row["name"].startswith("mn-")}
    places = {uuid: row["dst_ip"] for uuid, row in switch.table("Physical_Locator").items()}
    sets = {
        uuid: sorted(places.get(one[1], "just made") for one in _elements(row["locators"]))
        for uuid, row in switch.table("Physical_Locator_Set").items()
    }
    names = {uuid: row["name"] for uuid, row in switches.items()}
    meaning: Mapping[str, str | list[str]] = {**places, **sets, **names}
    rows = [("Logical_Switch", row) for row in switches.values()]
    for table in ("Ucast_Macs_Remote", "Mcast_Macs_Remote"):
        rows += [(table, row) for row in switch.table(table).values() if row["logical_switch"][1] in names]
    rows += [("Tunnel", row) for row in switch.table("Tunnel").values() if "midonet" in dict(row["bfd_params"][1])]
    bound = [
        (row["name"], vlan, names[one[1]])
        for row in switch.table("Physical_Port").values()
        for vlan, one in row["vlan_bindings"][1]
        if one[1] in names
    ]
    return sorted([*(repr((table, _told(row, meaning))) for table, row in rows), *map(repr, bound)])


def _elements(value: list[Any]) -> list[Any]:
    return value[1] if value[0] == "set" else [value]


def _told(row: Mapping[str, Any], meaning: Mapping[str, Any]) -> list[tuple[str, Any]]:
    plain = {name: value for name, value in row.items() if name not in ("_uuid", "_version")}
    return sorted((name, meaning.get(value[1], value) if _is_ref(value) else value) for name, value in plain.items())


def _is_ref(value: Any) -> bool:
    return isinstance(value, list) and value[0] == "uuid"


def their_rows(switch: VtepSwitch) -> dict[str, Any]:
    """Return what belongs to others, row ids and versions included."""
    theirs = next(uuid for uuid, row in switch.table("Logical_Switch").items() if row["name"] == "theirs")
    found: dict[str, Any] = {"Logical_Switch": switch.table("Logical_Switch")[theirs]}
    for table in ("Ucast_Macs_Remote", "Mcast_Macs_Remote"):
        found[table] = [row for row in switch.table(table).values() if row["logical_switch"][1] == theirs]
    found["Physical_Port"] = [row for row in switch.table("Physical_Port").values() if row["name"] == "swp2"]
    found["config"] = {name: value for name, value in switch.config().items() if not name.startswith("midonet")}
    return found


def row_of(switch: VtepSwitch, table: str, column: str, value: str) -> str:
    return next(uuid for uuid, row in switch.table(table).items() if row[column] == value)


def mac_row_deleted(switch: VtepSwitch, name: str) -> None:
    switch.vtep_ctl("del-ucast-remote", name, mac(1))


def locator_changed(switch: VtepSwitch, _: str) -> None:
    other = row_of(switch, "Physical_Locator", "dst_ip", "172.31.0.2")
    switch.vtep_ctl("set", "Ucast_Macs_Remote", row_of(switch, "Ucast_Macs_Remote", "MAC", mac(1)), f"locator={other}")


def ipaddr_changed(switch: VtepSwitch, _: str) -> None:
    switch.vtep_ctl("set", "Ucast_Macs_Remote", row_of(switch, "Ucast_Macs_Remote", "MAC", mac(1)), "ipaddr=10.9.9.9")


def foreign_row_in_our_switch(switch: VtepSwitch, name: str) -> None:
    switch.vtep_ctl("add-ucast-remote", name, "AA:BB:CC:DD:EE:FF", "172.31.7.7")


def tunnel_key_changed(switch: VtepSwitch, name: str) -> None:
    switch.vtep_ctl("set", "Logical_Switch", name, "tunnel_key=666")


def binding_removed(switch: VtepSwitch, _: str) -> None:
    switch.vtep_ctl("unbind-ls", "tor", "swp1", "0")


def binding_redirected(switch: VtepSwitch, _: str) -> None:
    switch.vtep_ctl("unbind-ls", "tor", "swp1", "0", "--", "bind-ls", "tor", "swp1", "0", "theirs")


def logical_switch_deleted(switch: VtepSwitch, name: str) -> None:
    switch.vtep_ctl("clear-remote-macs", name, "--", "unbind-ls", "tor", "swp1", "0", "--", "del-ls", name)


def mcast_row_deleted(switch: VtepSwitch, name: str) -> None:
    where = [["logical_switch", "==", ref(row_of(switch, "Logical_Switch", "name", name))]]
    switch.transact({"op": "delete", "table": "Mcast_Macs_Remote", "where": where})


def locator_set_changed(switch: VtepSwitch, name: str) -> None:
    locator = row_of(switch, "Physical_Locator", "dst_ip", "172.31.0.2")
    where = [["logical_switch", "==", ref(row_of(switch, "Logical_Switch", "name", name))]]
    row = {"locators": encode_set([ref(locator)])}
    switch.transact(
        {"op": "insert", "table": "Physical_Locator_Set", "row": row, "uuid-name": "set"},
        {"op": "update", "table": "Mcast_Macs_Remote", "where": where, "row": {"locator_set": named_ref("set")}},
    )


KINDS: Mapping[Callable[[VtepSwitch, str], None], Callable[[str], Key]] = {
    mac_row_deleted: lambda name: ("ucast", name, mac(1)),
    locator_changed: lambda name: ("ucast", name, mac(1)),
    ipaddr_changed: lambda name: ("ucast", name, mac(1)),
    foreign_row_in_our_switch: lambda name: ("ucast", name, "AA:BB:CC:DD:EE:FF"),
    tunnel_key_changed: lambda name: ("switch", name),
    binding_removed: lambda _: ("binding", "swp1", 0),
    binding_redirected: lambda _: ("binding", "swp1", 0),
    logical_switch_deleted: lambda name: ("switch", name),
    mcast_row_deleted: lambda name: ("mcast", name, "unknown-dst"),
    locator_set_changed: lambda name: ("mcast", name, "unknown-dst"),
}


@pytest.mark.alone
@pytest.mark.parametrize(("edit", "key"), KINDS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_it_is_repaired_byte_for_byte_and_recorded(
    kept: Site, switch: VtepSwitch, edit: Callable[[VtepSwitch, str], None], key: Callable[[str], Key]
) -> None:
    name, (runner,) = kept.switch_of("net"), kept.runners.values()
    ours, theirs, config = our_bytes(switch), their_rows(switch), switch.config()
    rows, before = read_rows(*switch.tcp), len(runner.drift)
    edit(switch, name)
    begun = time.monotonic()
    eventually(lambda: our_bytes(switch) == ours)
    assert time.monotonic() - begun < SECONDS + 2, "a busy machine is given some time"
    assert their_rows(switch) == theirs
    assert switch.config() == config, "the checkpoint stays where it is"
    eventually(lambda: len(runner.drift) > before)
    (repair,) = (one for one in runner.drift.since(before) if one.key == key_text(key(name)))
    assert repair.expected == describe_difference(None, rows.get(key(name)))[1]
    assert repair.found != repair.expected
    assert repair.found == {"binding_redirected": "theirs"}.get(edit.__name__, repair.found)
    assert repair.kind == EXPECTED_KIND.get(edit, "different")
    assert repair.position == origin(kept, key(name))


def origin(site: Site, key: Key) -> int:
    """Return the commit that says what is expected; the head where none says anything of it."""
    topology = site.store.topology
    kinds = {"switch": ["bridge"], "binding": ["vtep-binding"], "mcast": ["vtep", "tunnel-zone"]}
    entries = [one for one in topology.all("mac-entry").values() if one.mac == key[-1]]
    ports = [topology.get("port", one.port) for one in entries]
    sources = [one for kind in kinds.get(key[0], ()) for one in topology.all(kind).values()] or [*entries, *ports]
    return max((one.position for one in sources), default=topology.head.position)


EXPECTED_KIND: Mapping[Callable[[VtepSwitch, str], None], str] = {
    mac_row_deleted: "missing",
    foreign_row_in_our_switch: "extra",
    binding_removed: "missing",
    logical_switch_deleted: "missing",
    mcast_row_deleted: "missing",
}


def test_a_database_that_was_emptied_gets_all_of_it_again(kept: Site, switch: VtepSwitch) -> None:
    ours = our_bytes(switch)
    switch.reset()
    switch.vtep_ctl("add-ls", "theirs", "--", "add-ucast-remote", "theirs", mac(9), "172.31.7.7")
    eventually(lambda: our_bytes(switch) == ours, 30)
    kept.settle(switch)
    assert "ucast-mac-remote" in switch.macs("theirs")


def test_a_row_that_was_touched_without_being_changed_is_left_as_it_is(kept: Site, switch: VtepSwitch) -> None:
    """Repair is no rewriting: what is right keeps its rows."""
    name = kept.switch_of("net")
    before = {table: switch.table(table) for table in TABLES}
    untouched = {uuid: row for uuid, row in before["Ucast_Macs_Remote"].items() if row["MAC"] != mac(1)}
    switch.vtep_ctl("del-ucast-remote", name, mac(1))
    eventually(lambda: ("ucast", name, mac(1)) in read_rows(*switch.tcp))
    after = switch.table("Ucast_Macs_Remote")
    assert {uuid: row for uuid, row in after.items() if uuid in untouched} == untouched
    for table in TABLES:
        if table != "Ucast_Macs_Remote":
            assert switch.table(table) == before[table]
