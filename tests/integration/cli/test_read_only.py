"""Reads do not need permission to write."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midonet.events.log import open_log
from midonet.events.log.backends import sqlite

Midoctl = Any


@pytest.fixture
def read_only(network: Midoctl, monkeypatch: pytest.MonkeyPatch) -> Midoctl:
    """A log whose file may not be opened for writing."""
    prepare: Callable[..., None] = sqlite.SqliteDatabase._prepare  # noqa: SLF001 - called for writers only
    opened: list[Path] = []

    def refuse(self: sqlite.SqliteDatabase, connection: Any) -> None:
        opened.append(Path(self.url))
        prepare(self, connection)

    monkeypatch.setattr(sqlite.SqliteDatabase, "_prepare", refuse)
    network.opened = opened
    return network


@pytest.mark.parametrize(
    "words",
    [
        ["bridge", "list"],
        ["bridge", "show", "web"],
        ["log"],
        ["head"],
        ["verify"],
        ["history", "web"],
        ["blame", "web"],
        ["export"],
        ["diff", "0"],
        ["log", "--since", "2020-01-01T00:00:00Z"],
        ["bridge", "create", "new", "--dry-run"],
        ["plan", "-f", "-"],
        ["shell", "-e", "bridge list"],
        ["backup", "FILE"],
    ],
)
def test_a_read_never_opens_the_log_for_writing(read_only: Midoctl, tmp_path: Path, words: list[str]) -> None:
    words = [str(tmp_path / "a.backup") if word == "FILE" else word for word in words]
    run = read_only(*words, stdin=b"[{kind: bridge, name: new}]")
    assert run.status == 0, run.err
    assert read_only.opened == []


def test_a_change_opens_the_log_for_writing(read_only: Midoctl) -> None:
    read_only.ok("bridge", "create", "new")
    assert len(read_only.opened) == 1


def test_a_shell_that_has_read_can_write(read_only: Midoctl) -> None:
    run = read_only("shell", "-e", "bridge list", "-e", "bridge create new", "-e", "bridge list -o name")
    assert run.out.splitlines()[-2:] == ["new", "web"]
    assert len(read_only.opened) == 1


def test_a_copied_log_with_a_write_ahead_log_is_read(network: Midoctl, tmp_path: Path) -> None:
    path = Path(network.environ["XDG_DATA_HOME"]) / "midoctl/topology.db"
    log = open_log(f"sqlite:///{path}")
    network.ok("bridge", "create", "new")  # stays in the write-ahead log as long as another connection is open
    (tmp_path / "copy").mkdir()
    for file in path.parent.glob("topology.db*"):
        shutil.copyfile(file, tmp_path / "copy" / file.name)
    log.close()
    assert network.ok("--server", f"sqlite:///{tmp_path}/copy/topology.db", "verify")["count"] == 2
