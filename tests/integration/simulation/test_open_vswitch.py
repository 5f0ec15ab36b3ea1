"""Open vSwitch reads the same fields from a frame, and reads back the text of a packet."""

import subprocess
from pathlib import Path
from struct import pack

import pytest
from packet_frames import FRAMES

from midonet.simulation.packet import fields as f
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.text import parse

HERE = {"in_port", "vlan_tci", "vlan_tci1", "vlan_tci2", "ipv6_label"}
"""What Open vSwitch prints besides the fields of a packet."""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what Open vSwitch prints for `FRAMES`."""
    pcap: Path = tmp_path_factory.mktemp("pcap") / "frames.pcap"
    header = pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    pcap.write_bytes(header + b"".join(pack("<IIII", 0, 0, len(each), len(each)) + each for each in FRAMES))
    printed = subprocess.run(["ovs-ofctl", "parse-pcap", pcap], capture_output=True, text=True, check=True).stdout
    return printed.split()


def understood(line: str) -> tuple[int, ...]:
    """Return the values of what Open vSwitch printed, read as the text of a packet."""
    terms = [term.partition("=") for term in line.split(",")]
    values = {name: value for name, _, value in terms if name not in HERE}
    ecn = int(values.pop("nw_ecn", "0"))
    if "nw_tos" in values:
        values["nw_tos"] = str(int(values["nw_tos"]) + ecn)
    for name in ("nd_sll", "nd_tll"):
        if values.get(name) == "00:00:00:00:00:00":
            del values[name]
    return parse(",".join(f"{name}={value}" if value else name for name, value in values.items())).values


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_fields_are_those_of_open_vswitch(number: int, lines: list[str]) -> None:
    ours = list(decode(FRAMES[number]).values)
    ours[f.ICMP_ID :] = [0] * (f.COUNT - f.ICMP_ID)  # Open vSwitch has no such fields
    theirs = list(understood(lines[number]))
    theirs[f.ICMP_ID :] = ours[f.ICMP_ID :]
    assert theirs == ours
