"""The index while it is made: killed, made by two at once, made by a cluster and used by others."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from clustered import Scene
from remembering import Midoctl, grow
from waiting import HEARS_CTRL_C, eventually

from midonet.events.log import open_log
from midonet.projections.history_index.factory import open_database
from midonet.projections.history_index.index import Index, Overtaken
from midonet.projections.history_index.sqlite import SqliteFile
from midonet.projections.history_index.writer import IndexWriter
from midonet.testbed import ZooKeeper

Make = Callable[[str], Midoctl]
_SLOWLY = """
import sys, time
from midonet.cli.session import history_index
from midonet.cli.main import main
from midonet.projections.history_index.writer import IndexWriter
history_index._TAIL, history_index._BATCH = 10, 20
write = IndexWriter.write
def slowly(self, *arguments):
    time.sleep(0.1)
    write(self, *arguments)
IndexWriter.write = slowly
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A log in a file."""
    return f"sqlite:///{tmp_path}/log.db"


def slowly(run: Midoctl, *words: str) -> "subprocess.Popen[str]":
    """Start a process that indexes 20 commits in a tenth of a second."""
    environ = {**run.environ, "PYTHONPATH": ":".join(sys.path)}
    command = [*HEARS_CTRL_C, sys.executable, "-c", _SLOWLY, "-o", "json", *words]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def position(path: Path) -> int:
    try:
        with closing(SqliteFile(str(path), write=False)) as database:
            checkpoint = Index(database).checkpoint()
    except Exception:  # noqa: BLE001 - it is not there yet
        return 0
    return checkpoint.head.position if checkpoint is not None else 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_indexed_commits_persist_after_a_kill(url: str, midoctl: Make, how: signal.Signals) -> None:
    run = midoctl(url)
    grow(url, 300)
    with slowly(run, "log", "-n", "1") as process:
        eventually(lambda: any((run.home / ".cache").rglob("history.db")) and position(run.index) >= 40)
        process.send_signal(how)
        process.communicate()
    assert process.returncode in (-signal.SIGKILL, 130)
    so_far = position(run.index)
    assert 40 <= so_far < 300
    assert run.ok("log", "-n", "1")["position"] == 300
    assert position(run.index) == 300


def test_unneeded_objects_are_not_loaded(url: str, midoctl: Make) -> None:
    run = midoctl(url)
    ref = next(iter(grow(url, 60).topology)).id
    run("log", "-n", "1")
    script = "import sys; from midonet.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    environ = {**run.environ, "PYTHONPATH": ":".join(sys.path)}
    for form, unwanted in (("json", {"sqlalchemy", "midonet.events.model"}), ("table", {"sqlalchemy"})):
        command = [sys.executable, "-c", script, "-o", form, "history", ref]
        done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
        loaded = done.stdout.splitlines()[-1].split()
        assert "midonet.projections.history_index.reader" in loaded
        assert not unwanted & set(loaded)


def test_two_processes_index_one_log(url: str, midoctl: Make) -> None:
    run = midoctl(url)
    grow(url, 200)
    with slowly(run, "log", "-n", "3") as one, slowly(run, "log", "-n", "3") as other:
        (out, err), (other_out, other_err) = one.communicate(timeout=60), other.communicate(timeout=60)
    assert (out, err, one.returncode) == (other_out, other_err, other.returncode) == (out, "", 0)
    assert [json.loads(line)["position"] for line in out.splitlines()] == [198, 199, 200]


def test_a_writer_that_was_overtaken_writes_nothing(url: str, tmp_path: Path) -> None:
    grow(url, 60)
    with closing(open_log(url)) as log, closing(SqliteFile(f"{tmp_path}/index", write=True)) as database:
        one, other = (IndexWriter(Index(database), log.read_at) for _ in range(2))
        records = list(log.read())
        one.write(records[:20], log.offset_hint)
        with pytest.raises(Overtaken):
            other.write(records[:30], log.offset_hint)
        one.write(records[20:50], log.offset_hint)
    assert position(tmp_path / "index") == 50


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a cluster keeps its index."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/index.db"
    return request.getfixturevalue("postgres").create_database()  # type: ignore[no-any-return]


def test_cluster_maintains_a_shared_index(
    url: str, place: str, midoctl: Make, zookeeper: ZooKeeper, zk_root: str
) -> None:
    run = midoctl(url)
    with Scene(url, zookeeper.hosts, zk_root) as scene:
        grow(url, 60)
        daemons = [scene.daemon("--history", place) for _ in range(2)]
        run.environ["MIDOCTL_HISTORY"] = place
        waited = run.ok("wait", "--for", "history", "--timeout", "60")
        assert waited["views"] == {"history": 60}
        for seed in range(3):
            end = grow(url, 20, seed=seed + 20).topology.head.position
            assert run.ok("wait", "--for", "history", "--timeout", "60")["views"] == {"history": end}
        for daemon in daemons:
            eventually(lambda daemon=daemon: {"live"} == {r["state"] for r in reports(daemon)})  # type: ignore[misc]
            assert 'midonet_projection_position{projection="history"' in daemon.get("/metrics")[1]
        (row,) = run.ok("projection", "status", "history")
        assert (row["position"], row["lag_events"], row["last_error"]) == (120, 0, None)
        used(run)
    grow(url, 5, seed=30)  # the cluster is gone; what its index lacks is read
    used(run)
    assert not list((run.home / ".cache").rglob("history.db"))


def reports(daemon: object) -> list[dict[str, object]]:
    return [row for row in daemon.status()["projections"] if row["name"] == "history"]  # type: ignore[attr-defined]


def used(run: Midoctl) -> None:
    """Compare answers of the shared index with those of a scan."""
    ref = run.ok("log", "-n", "1")["events"][0]["key"].partition("/")[2]
    for line in (["history", ref], ["blame", ref], ["log", "--actor", "bob", "-n", "9"], ["head", "--at", "30"]):
        found = run(*line, form="table")
        assert found == run(*line, "--no-cache", form="table")
        assert found[2] == ""


def test_index_of_another_log_is_refused_and_reported(url: str, midoctl: Make, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    grow(url, 60)
    grow(other, 60, seed=3)
    run = midoctl(url)
    with closing(open_log(other)) as log, closing(open_database(f"sqlite:///{tmp_path}/index", write=True)) as database:
        IndexWriter(Index(database), log.read_at).write(list(log.read()), log.offset_hint)
    for where, reason in (("index", "does not have the commit 60"), ("none", "unable to open")):
        status, out, err = run("log", "-n", "1", "--history", f"sqlite:///{tmp_path}/{where}", form="table")
        assert (status, reason in err, err.count("\n")) == (0, True, 1), err
        assert out == run("log", "-n", "1", "--no-cache", form="table")[1]
    status, _, err = run("log", "-n", "1", "--history", "mysql://x:secret@y/z")
    assert (status, "secret" in err) == (2, False), err


def test_a_cluster_makes_a_new_index_of_a_log_that_was_replaced(
    place: str, midoctl: Make, zookeeper: ZooKeeper, zk_root: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    run = midoctl(url)
    grow(url, 60)
    with closing(open_log(url)) as log, closing(open_database(place, write=True)) as database:
        IndexWriter(Index(database), log.read_at).write(list(log.read()), log.offset_hint)
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"log.db{suffix}").unlink(missing_ok=True)
    grow(url, 40, seed=5)
    with Scene(url, zookeeper.hosts, zk_root) as scene:
        scene.daemon("--history", place)
        run.environ["MIDOCTL_HISTORY"] = place
        deadline = time.monotonic() + 60
        while run("wait", "--for", "history", "--timeout", "0")[0] or run("log", "-n", "1", form="table")[2]:
            assert time.monotonic() < deadline
        used(run)
