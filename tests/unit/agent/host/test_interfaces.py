"""What the kernel shows in sysfs is read as RFC 2863 means it."""

from pathlib import Path

import pytest

from midonet.agent.host.interfaces import State, Sysfs, outward
from midonet.projections.facts import Interface

MAC = "02:00:00:00:00:01"


@pytest.mark.parametrize(
    ("operstate", "flags", "state"),
    [
        ("up", "0x1003", "up"),
        ("unknown", "0x9", "up"),
        ("unknown", "0x8", "down"),
        ("down", "0x1003", "down"),
        ("lowerlayerdown", "0x1003", "down"),
        ("dormant", "0x1003", "down"),
        ("up", "garbage", "absent"),
    ],
)
def test_state(tmp_path: Path, operstate: str, flags: str, state: State) -> None:
    (tmp_path / "tap0").mkdir()
    (tmp_path / "tap0" / "operstate").write_text(f"{operstate}\n")
    (tmp_path / "tap0" / "flags").write_text(f"{flags}\n")
    assert Sysfs(tmp_path).states(["tap0", "tap1"]) == {"tap0": state, "tap1": "absent"}


def test_loopback_of_this_machine() -> None:
    assert Sysfs().states(["lo", "no-such-nic"]) == {"lo": "up", "no-such-nic": "absent"}


def make(root: Path, name: str, **files: str) -> None:
    (root / name).mkdir()
    usual = {"flags": "0x1003", "operstate": "up", "mtu": "1500", "type": "1", "uevent": "", "address": MAC}
    for file, text in {**usual, **files}.items():
        (root / name / file).write_text(f"{text}\n")


def test_interfaces_are_read_from_sysfs(tmp_path: Path) -> None:
    make(tmp_path, "eth0")
    (tmp_path / "eth0" / "device").mkdir()
    make(tmp_path, "vxlan1", uevent="DEVTYPE=vxlan\nINTERFACE=vxlan1", operstate="unknown")
    make(tmp_path, "sit0", type="776", address="00:00:00:00", flags="0x80", mtu="1480")
    make(tmp_path, "tap0", operstate="down", address="00:00:00:00:00:00")
    make(tmp_path, "half-gone", mtu="")
    (tmp_path / "bonding_masters").write_text("")
    addresses = {"eth0": ["192.0.2.7", "fe80::1"], "tap0": ["127.0.0.9"]}
    found = Sysfs(tmp_path, lambda: addresses).all()
    assert found == (
        Interface(
            name="eth0", type="physical", mac=MAC, mtu=1500, up=True, link=True, addresses=("192.0.2.7", "fe80::1")
        ),
        Interface(name="sit0", type="tunnel", mtu=1480, up=False, link=True),
        Interface(name="tap0", type="virtual", mtu=1500, up=True, link=False, addresses=("127.0.0.9",)),
        Interface(name="vxlan1", type="tunnel", mac=MAC, mtu=1500, up=True, link=True),
    )
    assert outward(found) == ("192.0.2.7",)


def test_the_addresses_of_this_machine() -> None:
    (loopback,) = (interface for interface in Sysfs().all() if interface.name == "lo")
    assert "127.0.0.1" in loopback.addresses
