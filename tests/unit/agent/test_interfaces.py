"""What the kernel shows in sysfs is read as RFC 2863 means it."""

from pathlib import Path

import pytest

from midonet.agent.interfaces import State, Sysfs


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
