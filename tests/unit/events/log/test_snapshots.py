"""Snapshots: they start where they were written, and whatever is wrong with one costs time and nothing else."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from random_commands import random_command

from midonet.events.commands.command import Command, Create, SetTag
from midonet.events.errors import MidonetError
from midonet.events.log import Log, open_log, snapshots
from midonet.events.log.pending_command import Context
from midonet.events.log.snapshots import Snapshots
from midonet.events.log.store import Store
from midonet.events.topology.topology import Topology

EVERY = 20
WHO = Context(actor="test")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep snapshots every few commits."""
    monkeypatch.setattr(snapshots, "EVERY", EVERY)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log with about a hundred commits of all kinds."""
    with closing(open_log(f"sqlite:///{tmp_path}/log.db")) as log:
        store, rng = Store(log), Random(3)  # noqa: S311 - a seed, not a secret
        store.execute(Command("host.create", [Create("host", {"name": "first"})]), WHO)
        head = store.refresh()
        store.execute(Command("tag.set", [SetTag("stable", head.position, head.hash, head.time)]), WHO)
        while log.head().position < 5 * EVERY + 7:
            try:
                store.execute(random_command(rng, store.topology), WHO)
            except MidonetError:
                continue
        yield log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "cache" / "log"


def opened(log: Log, folder: Path | None) -> Topology:
    return Store.open(log, Snapshots(folder)).topology


def kept(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.iterdir())


def test_a_snapshot_is_the_topology_at_its_position(log: Log, folder: Path) -> None:
    true = opened(log, None)
    assert opened(log, folder) == true
    positions = [EVERY * number for number in range(1, 6)]
    assert kept(folder) == positions
    for snapshot in Snapshots(folder).usable(lambda _: True):
        replayed = Topology()
        Snapshots(None).fold(replayed, (r for r in log.read() if r.commit.position <= snapshot.head.position))
        assert snapshot.topology() == replayed
        assert snapshot.topology().last_allocated == replayed.last_allocated
    again = opened(log, folder)
    assert (again, again.last_allocated, again.system) == (true, true.last_allocated, true.system)


def test_only_the_tail_is_read(log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(log, folder)
    read: list[int] = []
    reading = log.read

    def spy(*after: Any) -> Iterator[Any]:
        for record in reading(*after):
            read.append(record.commit.position)
            yield record

    monkeypatch.setattr(log, "read", spy)
    opened(log, folder)
    assert read == list(range(5 * EVERY + 1, log.head().position + 1))


def test_snapshot_state_accepts_new_commands(log: Log, folder: Path) -> None:
    opened(log, folder)
    store = Store.open(log, Snapshots(folder))
    result = store.execute(Command("host.create", [Create("host", {"name": "last"})]), WHO)
    assert result.position == log.head().position
    assert opened(log, folder) == opened(log, None)


def test_corrupt_cache_is_rebuilt(log: Log, folder: Path) -> None:
    true = opened(log, folder)
    newest = folder / f"{5 * EVERY}.snapshot"
    good = newest.read_bytes()
    body = good.index(b"\n") + 1
    for raw in (b"", b"{}\n", good[:50], good[:-1], good[:body], good[:body] + bytes(len(good) - body), b"\xff" * 99):
        newest.write_bytes(raw)
        assert opened(log, folder) == true
        assert newest.read_bytes() == good


def test_another_log_at_the_same_address_is_noticed(log: Log, folder: Path, tmp_path: Path) -> None:
    opened(log, folder)
    with closing(open_log(f"sqlite:///{tmp_path}/other.db")) as other:
        store = Store(other)
        store.execute(Command("host.create", [Create("host", {"name": "alone"})]), WHO)
        assert opened(other, folder) == store.topology
    assert kept(folder) == []


def test_index_of_another_release_is_rebuilt(log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = opened(log, folder)
    monkeypatch.setattr(snapshots, "fingerprint", lambda: "another")
    assert list(Snapshots(folder).usable(lambda _: True)) == []
    assert opened(log, folder) == true


def test_a_folder_that_cannot_be_used_is_no_trouble(log: Log, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        assert opened(log, folder) == opened(log, None)


def test_old_ones_are_thinned_out(log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(log, folder)
    assert kept(folder) == [n * EVERY for n in range(1, 6)]
    room = sum(path.stat().st_size for path in folder.iterdir())
    shutil.rmtree(folder)
    monkeypatch.setattr(snapshots, "LIMIT", room * 3 // 4)
    opened(log, folder)
    assert kept(folder) == [2 * EVERY, 4 * EVERY, 5 * EVERY]
    monkeypatch.setattr(snapshots, "LIMIT", room // 4)
    opened(log, None)
    (folder / f"{5 * EVERY}.snapshot").unlink()
    opened(log, folder)
    assert kept(folder) == [5 * EVERY]


def test_snapshot_over_the_limit_is_not_written(log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(log, folder)
    monkeypatch.setattr(snapshots, "LIMIT", sum(path.stat().st_size for path in folder.iterdir()) * 3 // 4)
    for number in (1, 2, 3):
        (folder / f"{number * EVERY}.snapshot").unlink()
    Snapshots(folder).fold(Topology(), (r for r in log.read() if r.commit.position <= 4 * EVERY))
    assert kept(folder) == [2 * EVERY, 4 * EVERY, 5 * EVERY]


def test_the_fingerprint_is_that_of_the_model() -> None:
    assert snapshots.fingerprint() == snapshots.fingerprint.__wrapped__()
    assert len(snapshots.fingerprint()) == 64
