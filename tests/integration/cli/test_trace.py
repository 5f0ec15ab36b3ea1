"""`midoctl trace`: verdicts, moments, the answer, tables, captures, errors."""

import struct
from pathlib import Path
from typing import Any

import pytest

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

NET = b"""
- {kind: host, name: hv1}
- {kind: tunnel-zone, name: z, members: [{host: hv1, address: 172.16.0.1}]}
- kind: bridge
  name: left
  ports: [{name: vm1, host: hv1, interface: e1}, {name: left-r}]
  arps: [{ip: 10.0.1.2, mac: "02:00:00:00:00:01"}]
  macs: [{mac: "02:00:00:00:00:01", port: vm1}]
- kind: bridge
  name: right
  ports: [{name: vm2, host: hv1, interface: e2}, {name: vm3, host: hv1, interface: e3}, {name: right-r}]
  arps: [{ip: 10.0.2.2, mac: "02:00:00:00:00:02"}]
  macs: [{mac: "02:00:00:00:00:02", port: vm2}]
- kind: router
  name: r
  ports:
    - {name: r-left, peer: left-r, addresses: [10.0.1.1/24]}
    - {name: r-right, peer: right-r, addresses: [10.0.2.1/24]}
  routes: [{dst: 10.0.1.0/24, port: r-left}, {dst: 10.0.2.0/24, port: r-right}]
"""
HTTPS = "tcp,nw_dst=10.0.2.2,tp_dst=443"


@pytest.fixture
def net(midoctl: Midoctl) -> Midoctl:
    """A router between two bridges at position 1; a chain that drops TCP to port 22 comes with position 2."""
    midoctl.ok("apply", "-f", "-", stdin=NET)
    chain = b"""
- {kind: chain, name: in, rules: [{action: drop, nw_proto: tcp, tp_dst: 22}]}
- {kind: port, bridge: left, name: vm1, inbound_filter: in}
"""
    midoctl.ok("apply", "-f", "-", stdin=chain)
    return midoctl


def test_packet_is_traced_to_its_port(net: Midoctl) -> None:
    found = net.ok("trace", "--from", "vm1", "--packet", HTTPS)
    assert (found["verdict"], found["position"]) == ("deliver", 2)
    assert [output["port"] for output in found["outputs"]] == [net.ok("port", "show", "vm2")["id"]]
    assert found["outputs"][0]["packet"].startswith("tcp,")
    assert [step["kind"] for step in found["path"] if step["kind"] in ("bridge", "router")] == [
        "bridge", "router", "bridge",
    ]  # fmt: skip
    assert found["assumed"]["nw_src"] == "10.0.1.2", "of the station behind the port"
    assert found["fields"]["nw_dst"] == "10.0.2.2"


def test_drop_names_rule_and_its_commit(net: Midoctl) -> None:
    run = net("-o", "json", "trace", "--from", "vm1", "--packet", HTTPS.replace("443", "22"))
    assert run.status == 7
    assert run.json["verdict"] == "drop"
    assert [(step["kind"], step["position"]) for step in run.json["path"]] == [("port", 2), ("rule", 2)]


def test_past_is_traced_as_it_was(net: Midoctl) -> None:
    assert net.ok("trace", "--from", "vm1", "--packet", HTTPS.replace("443", "22"), "--at", "1")["verdict"] == "deliver"


def test_answer_is_traced(net: Midoctl) -> None:
    found = net.ok("trace", "--from", "vm1", "--packet", HTTPS, "--return")
    (answer,) = found["return"]
    assert answer["verdict"] == "deliver"
    assert [output["port"] for output in answer["outputs"]] == [net.ok("port", "show", "vm1")["id"]]


def test_unknown_next_hop_waits_if_strict(net: Midoctl) -> None:
    text = HTTPS.replace("10.0.2.2", "10.0.2.77")
    assert [wait["address"] for wait in net.ok("trace", "--from", "vm1", "--packet", text)["waits"]] == ["10.0.2.77"]
    run = net("-o", "json", "trace", "--from", "vm1", "--packet", text, "--strict")
    assert (run.status, run.json["verdict"]) == (7, "wait")


def test_learned_tables_come_from_file(net: Midoctl, tmp_path: Path) -> None:
    tables = tmp_path / "tables.yaml"
    tables.write_text("""
neighbours: [{device: r, ip: 10.0.2.77, mac: "02:00:00:00:00:77"}]
macs: [{bridge: right, mac: "0200.0000.0077", port: vm3}]
""")
    text = HTTPS.replace("10.0.2.2", "10.0.2.77")
    found = net.ok("trace", "--from", "vm1", "--packet", text, "--tables", str(tables), "--strict")
    assert [output["port"] for output in found["outputs"]] == [net.ok("port", "show", "vm3")["id"]]
    tables.write_text("macs: [{bridge: right, mac: nonsense, port: vm3}]")
    assert "nonsense" in net.refused(3, "trace", "--from", "vm1", "--packet", text, "--tables", str(tables))["message"]
    tables.write_text("down: [vm2]")
    assert net("-o", "json", "trace", "--from", "vm1", "--packet", HTTPS, "--tables", str(tables)).status == 7


def test_every_packet_of_capture_is_traced(net: Midoctl, tmp_path: Path) -> None:
    frame = bytes.fromhex("020000000002" + "020000000001" + "88b5") + bytes(46)
    capture = tmp_path / "two.pcap"
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    capture.write_bytes(header + 2 * (struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame))
    run = net("-o", "json", "trace", "--from", "vm2", "--pcap", str(capture))
    assert [trace["verdict"] for trace in run.json] == ["error", "error"], "back to where it came from"
    capture.write_bytes(b"nonsense")
    assert "no capture file" in net.refused(3, "trace", "--from", "vm2", "--pcap", str(capture))["message"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (4, ("--from", "nope", "--packet", "tcp")),
        (3, ("--from", "vm1", "--packet", "tcp,nonsense=1")),
        (3, ("--from", "vm1", "--packet", "tcp,tp_dst=99999")),
        (3, ("--from", "vm1", "--packet", "")),
        (2, ("--from", "vm1")),
        (2, ("--from", "vm1", "--packet", "tcp", "--pcap", "/proc/version")),
        (4, ("--from", "vm1", "--packet", "tcp", "--at", "99")),
        (4, ("--from", "vm1", "--packet", "tcp", "--at", "0")),
        (2, ("--from", "vm1", "--packet", "tcp", "--tables", "/nowhere")),
    ],
)
def test_bad_question_gets_one_clear_line(net: Midoctl, status: int, words: tuple[str, ...]) -> None:
    assert "\n" not in net.refused(status, "trace", *words)["message"]


def test_text_shows_way_and_verdict(net: Midoctl) -> None:
    shown = net("trace", "--from", "vm1", "--packet", HTTPS).out
    assert shown.startswith("✓ deliver at vm2")
    assert "route 10.0.2.0/24 at port r-right" in shown
