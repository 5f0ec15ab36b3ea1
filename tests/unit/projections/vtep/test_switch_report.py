"""What a switch says of itself: whatever it writes, only what makes sense is heard."""

from typing import Any

from midonet.projections.vtep import LocalMac
from midonet.projections.vtep.database_state import DatabaseState

SWITCH, OURS, THEIRS, PORT, PLACE = "ps", "ls1", "ls2", "p1", "l1"


def ref(uuid: str) -> list[str]:
    return ["uuid", uuid]


def local(mac: str, ip: str = "", switch: str = OURS) -> dict[str, Any]:
    return {"new": {"MAC": mac, "logical_switch": ref(switch), "locator": ref(PLACE), "ipaddr": ip}}


def database() -> DatabaseState:
    """Return a switch with one of our logical switches and a foreign one."""
    actual = DatabaseState("192.0.2.1")
    hardware = {"name": "tor", "ports": ref(PORT), "management_ips": "192.0.2.1", "tunnel_ips": "172.31.9.1"}
    actual.apply(
        {
            "Physical_Switch": {SWITCH: {"new": hardware}},
            "Physical_Port": {PORT: {"new": {"name": "swp1", "vlan_bindings": ["map", []]}}},
            "Logical_Switch": {
                OURS: {"new": {"name": "mn-a", "tunnel_key": 1}},
                THEIRS: {"new": {"name": "theirs", "tunnel_key": 2}},
            },
            "Physical_Locator": {PLACE: {"new": {"dst_ip": "172.31.9.1", "tunnel_key": ["set", []]}}},
        }
    )
    return actual


def test_the_first_words_are_all_of_it_and_then_come_changes() -> None:
    actual = database()
    heard = actual.reports.drain(actual.hardware)
    assert heard is not None
    assert (heard.whole, dict(heard.macs), heard.tunnel_ips) == (True, {}, ("172.31.9.1",))
    assert actual.reports.drain(actual.hardware) is None
    actual.apply({"Ucast_Macs_Local": {"m1": local("00:11:22:AA:BB:CC", "10.0.0.7")}})
    heard = actual.reports.drain(actual.hardware)
    assert heard is not None
    assert not heard.whole
    assert heard.macs == {("mn-a", "00:11:22:aa:bb:cc"): LocalMac("172.31.9.1", "10.0.0.7")}
    actual.apply({"Ucast_Macs_Local": {"m1": {"old": {}}}})
    heard = actual.reports.drain(actual.hardware)
    assert heard is not None
    assert heard.macs == {("mn-a", "00:11:22:aa:bb:cc"): None}


def test_invalid_and_foreign_messages_are_ignored() -> None:
    actual = database()
    actual.reports.drain(actual.hardware)
    words = ["unknown-dst", "hello", "", "01:00:5e:00:00:01", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]
    rows = {f"m{number}": local(word) for number, word in enumerate(words)}
    actual.apply({"Ucast_Macs_Local": {**rows, "theirs": local("00:11:22:33:44:55", switch=THEIRS)}})
    assert actual.reports.drain(actual.hardware) is None
    actual.apply({"Ucast_Macs_Local": {"odd": local("00:11:22:33:44:55", "somewhere")}})
    heard = actual.reports.drain(actual.hardware)
    assert heard is not None
    assert heard.macs == {("mn-a", "00:11:22:33:44:55"): LocalMac("172.31.9.1", "")}


def test_a_station_that_is_there_twice_goes_with_its_last_row() -> None:
    actual = database()
    actual.apply({"Ucast_Macs_Local": {"m1": local("00:11:22:33:44:55"), "m2": local("00:11:22:33:44:55", "10.0.0.1")}})
    actual.reports.drain(actual.hardware)
    actual.apply({"Ucast_Macs_Local": {"m1": {"old": {}}}})
    heard = actual.reports.drain(actual.hardware)
    assert heard is not None
    assert heard.macs == {("mn-a", "00:11:22:33:44:55"): LocalMac("172.31.9.1", "10.0.0.1")}


def test_renamed_switch_is_reported_completely() -> None:
    actual = database()
    actual.apply({"Ucast_Macs_Local": {"m1": local("00:11:22:33:44:55")}})
    actual.reports.drain(actual.hardware)
    actual.apply({"Logical_Switch": {OURS: {"old": {"name": "mn-a"}, "new": {"name": "mn-b", "tunnel_key": 1}}}})
    heard = actual.reports.drain(actual.hardware)
    assert heard is not None
    assert heard.whole
    assert heard.macs.keys() == {("mn-b", "00:11:22:33:44:55")}


def test_faults_are_unknown_until_the_first_report() -> None:
    actual = database()
    assert actual.report().faults is None
    row = {"name": "tor", "ports": ref(PORT), "management_ips": "192.0.2.1", "tunnel_ips": "172.31.9.1"}
    faulty = {"new": {**row, "switch_fault_status": ["set", ["mac_table_exhaustion", "tunnel_exhaustion"]]}}
    actual.apply({"Physical_Switch": {SWITCH: faulty}})
    assert actual.report().faults == ["mac_table_exhaustion", "tunnel_exhaustion"]
    actual.apply({"Physical_Switch": {SWITCH: {"new": {**row, "switch_fault_status": ["set", []]}}}})
    assert actual.report().faults == []
