"""The OVSDB client against a real server: calls, monitors, and every way to lose a connection."""

import socketserver
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

import pytest
from ovs.db.idl import Idl, SchemaHelper
from ovs.poller import Poller
from vtep_switch import VtepSwitch, mac
from waiting import eventually

from midonet.events.errors import Misconfigured, Rejected, Unavailable
from midonet.projections.ovsdb import Client, Replica, check_schema, encode_map, named_ref, ref
from midonet.testbed import OvsdbServer
from midonet.testbed.server import run

Connect = Callable[..., Client]
DATABASE = "hardware_vtep"
LIST = {"op": "select", "table": "Logical_Switch", "where": [], "columns": ["name"]}


def insert(name: str, **columns: Any) -> dict[str, Any]:
    return {"op": "insert", "table": "Logical_Switch", "row": {"name": name, **columns}}


def test_it_speaks_tcp_and_unix(switch: VtepSwitch, connect: Connect) -> None:
    for address in (switch.tcp, str(switch.sock)):
        assert DATABASE in connect(address).call("list_dbs", [])


def test_a_transaction_returns_what_each_operation_did(connect: Connect) -> None:
    inserted, selected = connect().transact(DATABASE, [insert("a"), LIST])
    assert inserted["uuid"][0] == "uuid"
    assert selected == {"rows": [{"name": "a"}]}


def test_transactions_in_flight_run_in_order(connect: Connect) -> None:
    client = connect()
    first, refused, last = (client.begin(DATABASE, [one, LIST]) for one in (insert("a"), insert("a"), insert("b")))
    assert [sorted(row["name"] for row in answer()[1]["rows"]) for answer in (last, first)] == [["a", "b"], ["a"]]
    with pytest.raises(Rejected):
        refused()


def test_queued_data_is_sent_in_order(connect: Connect) -> None:
    client = connect()
    wire: Any = client._socket  # noqa: SLF001 - a slow network
    wire.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)
    texts = ["small", *(character * 700_000 for character in "ab"), "last"]
    answers = [client.begin(DATABASE, [insert(f"{n}", description=text)]) for n, text in enumerate(texts)]
    client.echo()
    for answer in reversed(answers):
        assert answer()[0]["uuid"]
    (listed,) = client.transact(DATABASE, [{**LIST, "columns": ["name", "description"]}])
    assert {row["name"]: row["description"] for row in listed["rows"]} == {f"{n}": text for n, text in enumerate(texts)}


def test_a_refused_operation_is_an_error_and_changes_nothing(connect: Connect) -> None:
    client = connect()
    wrong = {
        "op": "insert",
        "table": "Physical_Port",
        "row": {"name": "p", "vlan_bindings": encode_map({4096: ref("x")})},
    }
    with pytest.raises(Rejected) as caught:
        client.transact(DATABASE, [insert("a"), wrong])
    assert caught.value.details["operation"] == 1
    assert client.transact(DATABASE, [LIST]) == [{"rows": []}]


def test_an_error_of_the_commit_itself_is_noticed(connect: Connect) -> None:
    """It comes as one result more than there were operations."""
    client = connect()
    client.transact(DATABASE, [insert("a")])
    with pytest.raises(Rejected, match="constraint violation") as caught:
        client.transact(DATABASE, [insert("a")])
    assert caught.value.details["operation"] == 1


def test_an_unknown_method_is_refused_in_the_servers_words(connect: Connect) -> None:
    with pytest.raises(Rejected, match="unknown method"):
        connect().call("no_such_method", [])


def test_the_database_must_be_the_one_that_we_mean(connect: Connect) -> None:
    client = connect()
    check_schema(client, DATABASE, {"Logical_Switch": ["name", "tunnel_key"]})
    with pytest.raises(Misconfigured) as caught:
        check_schema(client, DATABASE, {"Logical_Switch": ["name", "colour"], "Flag": ["pole"]})
    assert caught.value.details["lacking"] == ["Logical_Switch.colour", "Flag.pole"]
    with OvsdbServer("Open_vSwitch") as other, pytest.raises(Misconfigured, match="it has Open_vSwitch"):
        check_schema(connect(other.tcp), DATABASE, {})


def test_a_monitor_keeps_a_replica(switch: VtepSwitch, connect: Connect) -> None:
    client, replica = connect(), Replica(["Logical_Switch"])
    client.transact(DATABASE, [insert("a", tunnel_key=1)])
    client.monitor(DATABASE, {"Logical_Switch": ["name", "tunnel_key"]}, replica.apply)
    rows = replica.tables["Logical_Switch"]
    assert list(rows.values()) == [{"name": "a", "tunnel_key": 1}]
    switch.vtep_ctl("add-ls", "b", "--", "set", "Logical_Switch", "a", "tunnel_key=2")
    eventually(lambda: len(rows) == 2)
    assert {row["name"]: row["tunnel_key"] for row in rows.values()} == {"a": 2, "b": ["set", []]}
    switch.vtep_ctl("del-ls", "a")
    eventually(lambda: len(rows) == 1)


def test_the_echo_of_a_transaction_comes_before_its_answer(connect: Connect) -> None:
    client, replica = connect(), Replica(["Logical_Switch"])
    client.monitor(DATABASE, {"Logical_Switch": ["name"]}, replica.apply)
    for number in range(200):
        client.transact(DATABASE, [insert(f"switch-{number}")])
        assert len(replica.tables["Logical_Switch"]) == number + 1


def test_after_an_echo_the_updates_of_earlier_commits_are_there(switch: VtepSwitch, connect: Connect) -> None:
    client, replica = connect(), Replica(["Logical_Switch"])
    client.monitor(DATABASE, {"Logical_Switch": ["name"]}, replica.apply)
    switch.transact(*(insert(f"switch-{number}") for number in range(500)))
    client.echo()
    assert len(replica.tables["Logical_Switch"]) == 500


def test_a_dump_of_many_rows_comes_whole_and_the_idl_sees_the_same(switch: VtepSwitch, connect: Connect) -> None:
    address = {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": "172.31.0.1"}
    locator = {"op": "insert", "table": "Physical_Locator", "uuid-name": "here", "row": address}
    row = {"logical_switch": named_ref("a"), "locator": named_ref("here"), "ipaddr": 'a "quoted" {brace} \\ é'}
    macs = [{"op": "insert", "table": "Ucast_Macs_Remote", "row": {**row, "MAC": mac(n)}} for n in range(2000)]
    client, replica = connect(), Replica(["Ucast_Macs_Remote"])
    client.transact(DATABASE, [{**insert("a"), "uuid-name": "a"}, locator, *macs])
    client.monitor(DATABASE, {"Ucast_Macs_Remote": ["MAC", "ipaddr"]}, replica.apply)
    ours = {(row["MAC"], row["ipaddr"]) for row in replica.tables["Ucast_Macs_Remote"].values()}
    assert ours == {(row.MAC, row.ipaddr) for row in idl_rows(switch, "Ucast_Macs_Remote", ["MAC", "ipaddr"])}
    assert len(ours) == 2000


def idl_rows(switch: VtepSwitch, table: str, columns: list[str]) -> list[Any]:
    """Return the rows of a table as the `ovs` package reads them."""
    helper = SchemaHelper("/usr/share/openvswitch/vtep.ovsschema")
    helper.register_columns(table, columns)
    idl = Idl(f"unix:{switch.sock}", helper)
    while not idl.has_ever_connected():
        idl.run()
        poller = Poller()
        idl.wait(poller)
        poller.timer_wait(100)
        poller.block()
    rows = list(idl.tables[table].rows.values())
    idl.close()
    return rows


def test_calls_of_many_threads_get_their_own_answers(connect: Connect) -> None:
    client = connect()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: client.call("echo", [number]), range(2000)))
    assert answers == [[number] for number in range(2000)]


def test_the_servers_own_probe_is_answered(switch: VtepSwitch, connect: Connect) -> None:
    """Else the server would hang up after twice its inactivity probe, 0.2 s here."""
    port = switch.lease_port()
    switch.vtep_ctl("--inactivity-probe=200", "set-manager", f"ptcp:{port}:127.0.0.1")
    run("ovs-appctl", "-t", switch.directory / "ctl", "ovsdb-server/add-remote", f"db:{DATABASE},Global,managers")
    client = connect((switch.host, port), probe=60)
    time.sleep(1.5)
    assert client.alive


def test_a_server_that_is_not_there_is_unavailable(switch: VtepSwitch, connect: Connect) -> None:
    switch.kill()
    with pytest.raises(Unavailable, match="Connection refused"):
        connect()
    with pytest.raises(Unavailable, match="No such file"):
        connect("/tmp/no-such-socket")  # noqa: S108 - nothing is written


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH\r\n", b'{"id":nonsense}', b'{"method":"update","params":7}'])
def test_server_of_another_protocol_is_unavailable(connect: Connect, greeting: bytes) -> None:
    class Greeter(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(greeting)
            self.request.recv(1000)

    with socketserver.TCPServer(("127.0.0.1", 0), Greeter) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        with pytest.raises(Unavailable, match="is invalid"):
            connect(other.server_address).call("list_dbs", [])
        thread.join()


def test_a_killed_server_is_noticed_at_once(switch: VtepSwitch, connect: Connect) -> None:
    lost = threading.Event()
    client = connect(on_lost=lambda _: lost.set())
    switch.kill()
    assert lost.wait(5)
    with pytest.raises(Unavailable, match=r"closed the connection|reset"):
        client.echo()


def test_a_frozen_server_is_noticed_within_ten_seconds(switch: VtepSwitch, connect: Connect) -> None:
    lost = threading.Event()
    client = connect(on_lost=lambda _: lost.set())
    client.echo()
    switch.freeze()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="silent"):
        client.echo()
    assert time.monotonic() - started < 10
    assert lost.is_set()


def test_an_idle_connection_to_a_frozen_server_is_given_up(switch: VtepSwitch, connect: Connect) -> None:
    client = connect(probe=0.2)
    client.echo()
    time.sleep(1)
    assert client.alive, "a server that answers the probe is alive"
    switch.freeze()
    eventually(lambda: not client.alive, 5)


def test_a_call_ends_after_its_timeout(switch: VtepSwitch, connect: Connect) -> None:
    client = connect()
    switch.freeze()
    with pytest.raises(Unavailable, match=r"no answer to echo within 0\.2 s"):
        client.call("echo", [], timeout=0.2)
    assert not client.alive, "an answer that comes late must not be taken for another one"


def test_closed_client_raises_without_notification(connect: Connect) -> None:
    lost = threading.Event()
    client = connect(on_lost=lambda _: lost.set())
    client.close()
    client.close()
    with pytest.raises(Unavailable, match="closed"):
        client.echo()
    assert not lost.is_set()
