"""`backup`, `restore` and `copy` as a user runs them."""

from pathlib import Path
from typing import Any

import pytest

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""


@pytest.fixture
def backup(network: Midoctl, tmp_path: Path) -> str:
    """The file of a backup of the small network, at position 2."""
    network.ok("host", "create", "hv3")
    path = f"{tmp_path}/a.backup"
    done = network.ok("backup", path)
    assert done == {"position": 2, "hash": network.ok("head")["hash"], "count": 2, "file": path}
    return path


def test_a_backup_is_restored(network: Midoctl, backup: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/new/other.db"
    done = network.ok("--server", other, "restore", backup)
    assert (done["count"], done["hash"]) == (2, network.ok("head")["hash"])
    assert network.ok("--server", other, "verify")["hash"] == done["hash"]
    assert network.ok("--server", other, "restore", backup)["count"] == 0
    assert "commits restored: 0" in network("--server", other, "restore", backup).out


def test_restore_continues_only_a_prefix(network: Midoctl, backup: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    network.ok("copy", "--to", other)
    network.ok("host", "create", "hv4")
    assert network.ok("copy", "--to", other)["count"] == 1
    error = network.refused(3, "restore", backup)
    assert error["details"] == {"source": 2, "target": 3, "common": 2}
    network.ok("--server", f"{other}2", "host", "create", "alone", "--create")
    assert network.refused(3, "--server", f"{other}2", "restore", backup)["details"]["common"] == 0


def test_a_corrupt_backup_creates_no_log(midoctl: Midoctl, network: Midoctl, backup: str, tmp_path: Path) -> None:
    Path(backup).write_bytes(Path(backup).read_bytes()[:-3])
    network.refused(7, "--server", f"sqlite:///{tmp_path}/other.db", "restore", backup)
    assert not (tmp_path / "other.db").exists()
    midoctl.refused(2, "restore", f"{tmp_path}/none")


def test_a_backup_gets_its_name_when_complete(network: Midoctl, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    network.refused(5, "--server", f"sqlite:///{tmp_path}/none.db", "backup", f"{folder}/a")
    assert list(folder.iterdir()) == []
    network.refused(2, "backup", f"{tmp_path}/nowhere/a")
    network.refused(5, "copy", "--to", f"sqlite:///{tmp_path}/backups")


@pytest.mark.parametrize("until", ["2", "early", "TIME"])
def test_a_log_is_restored_to_a_moment(network: Midoctl, tmp_path: Path, until: str) -> None:
    network.ok("bridge", "create", "db")
    then = network.ok("head")
    network.ok("tag", "early")
    network.ok("bridge", "delete", "web", "--cascade")
    path, moment = f"{tmp_path}/a.backup", then["time"] if until == "TIME" else until
    network.ok("backup", path)
    network.ok("backup", "--until", moment, f"{path}-early")
    places = {name: f"sqlite:///{tmp_path}/{name}.db" for name in ("restored", "copied", "early")}
    network.ok("--server", places["restored"], "restore", path, "--until", moment)
    network.ok("--server", places["early"], "restore", f"{path}-early")
    network.ok("copy", "--to", places["copied"], "--until", moment)
    for place in places.values():
        assert network.ok("--server", place, "head") == then
        assert len(network.ok("--server", place, "bridge", "list")) == 2
    assert network.ok("--server", places["restored"], "restore", path)["count"] == 2, "and forward again"
    error = network.refused(3, "--server", places["restored"], "restore", path, "--until", moment)
    assert error["code"] == "conflict", "what was written since is never taken away"


@pytest.mark.parametrize("until", ["9", "nothing", "yesterday!"])
def test_restore_to_an_unknown_moment_creates_no_log(network: Midoctl, backup: str, tmp_path: Path, until: str) -> None:
    network.refused(4, "--server", f"sqlite:///{tmp_path}/other.db", "restore", backup, "--until", until)
    assert not (tmp_path / "other.db").exists()
    network.refused(4, "backup", f"{tmp_path}/b", "--until", until)
    assert not (tmp_path / "b").exists()
