"""Start, rejected settings and stop of the daemon, and logs that are unavailable, altered or truncated."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from clustered import Scene
from waiting import eventually

from midonet.events.config.settings import declared_settings
from midonet.projections.vtep import read_rows
from midonet.services.settings import Settings
from midonet.testbed import ZooKeeper
from midonet.testbed.server import DIE_WITH_PARENT

Make = Callable[..., Scene]
NOWHERE = "127.0.0.1:1"
COMMAND = [*DIE_WITH_PARENT, sys.executable, "-m", "midonet.services.main", "run"]


def run(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the daemon to its end."""
    environment = {**os.environ, **environ}
    return subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=30, check=False, env=environment
    )


def refused(done: subprocess.CompletedProcess[str], status: int) -> str:
    """Return the one line by which the daemon refused to run."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    *_, line = done.stderr.splitlines()
    assert line.startswith("midonet-cluster: ")
    return line


def log_in(folder: Path) -> str:
    return f"sqlite:///{folder}/log.db"


def edit(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


@contextmanager
def running(*options: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the daemon on a port of its own choice; yield the process and the address that it printed."""
    command = [*COMMAND, "--http", "127.0.0.1:0", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env={**os.environ, **environ}, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


# -- settings


def test_print_config_is_a_configuration_file(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("log: postgresql+psycopg://mn:secret@db/mn\nmax_lag: 7\nroot: /file\n")
    options = ["--config", str(file), "--zookeeper", "a:1, b:2", "--print-config", "--services", "{nsdb: }"]
    done = run(*options, MIDONET_ROOT="/env", MIDONET_LOG_LEVEL="debug", MIDONET_NODE="n1")
    assert done.returncode == 0
    shown = yaml.safe_load(done.stdout)
    assert list(shown) == [setting.name for setting in declared_settings(Settings)]
    given: dict[str, Any] = {"log": "postgresql+psycopg://mn:***@db/mn", "zookeeper": "a:1,b:2", "root": "/env"}
    given |= {"log_level": "debug", "max_lag": 7.0, "node": "n1", "services": {"nsdb": {}}}
    assert {name: shown[name] for name in given} == given
    assert (shown["http"], shown["zookeeper_members"]) == ("127.0.0.1:8181", "127.0.0.1:2181:2888:3888")
    file.write_text(done.stdout)
    assert run("--config", str(file), "--print-config").stdout == done.stdout
    assert done.stderr == ""


def test_invalid_settings_are_rejected_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("zookeepers: a:1\n")
    assert "known are log, zookeeper" in refused(run("--config", str(file)), 2)
    assert "No such file" in refused(run("--config", str(tmp_path / "absent")), 2)
    assert "No such file" in refused(run(MIDONET_CONFIG=str(tmp_path / "absent")), 2)
    assert "give --log, MIDONET_LOG" in refused(run("--zookeeper", NOWHERE), 2)
    assert "MIDONET_HTTP: 'x' is not HOST:PORT" in refused(
        run("--log", log_in(tmp_path), "--zookeeper", NOWHERE, MIDONET_HTTP="x"), 2
    )
    assert "No such option" in refused(run("--nonsense"), 2)


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://db/mn", "sqlite:///", "kafka://nowhere", "postgresql+psycopg://db:port/mn"]
)
def test_invalid_log_url_is_rejected(url: str) -> None:
    refused(run("--log", url, "--zookeeper", NOWHERE, "--http", "127.0.0.1:0"), 2)


def test_port_in_use_is_rejected(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refused(run("--log", log_in(tmp_path), "--zookeeper", NOWHERE, "--http", address), 5)
    assert line == f"midonet-cluster: cannot serve HTTP on {address}: Address already in use"


# -- signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_cleanly_and_removes_nothing(scene: Make, number: signal.Signals) -> None:
    stage = scene()
    switch = stage.switch()
    vtep = stage.vtep(switch, "tor")
    stage.bind(vtep, 1, stage.create("bridge", name="b"))
    with running("--log", stage.url, "--zookeeper", stage.hosts, "--root", stage.root) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        stage.nsdb_settles()
        stage.vtep_settles(vtep, switch)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""  # type: ignore[union-attr]
    stage.nsdb_settles()
    stage.vtep_settles(vtep, switch)


def test_daemon_stops_in_time_without_servers(scene: Make) -> None:
    with ZooKeeper() as zookeeper:
        stage = scene(hosts=zookeeper.hosts)
        switch = stage.switch()
        vtep = stage.vtep(switch, "tor")
        daemon = stage.daemon()
        stage.vtep_settles(vtep, switch)
        stage.nsdb_settles()
        zookeeper.freeze()
        switch.freeze()
        stage.create("bridge", name="not projected")
        time.sleep(0.5)
        begun = time.monotonic()
        daemon.stop()
        assert time.monotonic() - begun < 10
        zookeeper.thaw()


@pytest.mark.alone
def test_second_signal_stops_at_once(scene: Make) -> None:
    with ZooKeeper() as zookeeper:
        stage = scene(hosts=zookeeper.hosts)
        with running("--log", stage.url, "--zookeeper", stage.hosts, "--root", stage.root) as (process, _):
            stage.nsdb_settles()
            zookeeper.freeze()
            stage.create("bridge", name="not projected")
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            assert time.monotonic() - begun < 5
        zookeeper.thaw()


# -- the log


def test_daemon_waits_for_a_missing_log(scene: Make, tmp_path: Path) -> None:
    obstacle = tmp_path / "folder"
    obstacle.write_text("a file where a folder should be")
    stage = scene(log_in(obstacle))
    daemon = stage.daemon()
    eventually(lambda: "cannot be created" in daemon.get("/readyz")[1])
    assert daemon.get("/healthz")[0] == 200
    obstacle.unlink()
    stage.create("bridge", name="b")
    stage.nsdb_settles()
    eventually(lambda: daemon.get("/readyz")[0] == 200)


@pytest.mark.parametrize("url", ["kafka://127.0.0.1:1/topic", "postgresql+psycopg://mn:secret@127.0.0.1:1/mn"])
def test_daemon_waits_for_a_server_that_is_down(scene: Make, url: str) -> None:
    daemon = scene(url).daemon()
    eventually(lambda: "log: " in daemon.get("/readyz")[1] and daemon.status()["log_error"] is not None)
    assert daemon.get("/healthz")[0] == 200
    assert "secret" not in daemon.get("/status")[1] + daemon.log.read_text()


def test_altered_log_is_rejected_at_start(scene: Make, tmp_path: Path) -> None:
    stage = scene()
    for name in ("one", "two", "three", "four", "five"):
        stage.create("bridge", name=f"bridge {name}")
    altered = "CAST(replace(CAST(body AS TEXT), 'bridge three', 'bridge eight') AS BLOB)"
    edit(tmp_path / "log.db", f"UPDATE commits SET body = {altered}")  # noqa: S608 - a fixed text
    done = run("--log", stage.url, "--zookeeper", stage.hosts, "--root", stage.root, "--http", "127.0.0.1:0")
    assert "the log cannot be trusted from position" in refused(done, 7)
    assert "the log cannot be trusted from position 3" in done.stderr
    assert stage.nsdb_position() == 0


def test_log_altered_at_run_time_is_reported(scene: Make, tmp_path: Path) -> None:
    stage = scene()
    stage.create("bridge", name="b")
    daemon = stage.daemon()
    stage.nsdb_settles()
    documents = stage.documents()
    position = stage.create("bridge", name="c") and stage.store.topology.head.position
    stage.nsdb_settles()
    edit(tmp_path / "log.db", "INSERT INTO commits VALUES (3, 'x', '2026-01-01T00:00:00Z', 'mallory', '{}')")
    eventually(lambda: "cannot be trusted from position 3" in daemon.get("/readyz")[1])
    assert position == 2
    assert daemon.get("/healthz")[0] == 200
    eventually(lambda: [each["state"] for each in daemon.status()["projections"]] == ["parked"])
    assert documents.keys() < stage.documents().keys()
    edit(tmp_path / "log.db", "DELETE FROM commits WHERE position = 3")
    eventually(lambda: daemon.get("/readyz")[0] == 200)


def test_log_that_lost_commits_is_reported_with_both_positions(scene: Make, tmp_path: Path) -> None:
    stage = scene()
    for number in range(5):
        stage.create("bridge", name=f"b{number}")
    switch = stage.switch()
    vtep = stage.vtep(switch, "tor")
    stage.bind(vtep, 1, stage.create("bridge", name="b"))
    daemon = stage.daemon()
    stage.nsdb_settles()
    stage.vtep_settles(vtep, switch)
    documents, rows = stage.documents(), read_rows(*switch.tcp)

    edit(tmp_path / "log.db", "DELETE FROM commits WHERE position > 7")
    eventually(lambda: {each["state"] for each in daemon.status()["projections"]} == {"parked"})
    assert "lost commits 8 to 8" in daemon.get("/readyz")[1]
    assert daemon.get("/healthz")[0] == 200

    daemon.restart()
    eventually(lambda: {each["state"] for each in daemon.status()["projections"]} == {"parked"})
    reasons = daemon.get("/readyz")[1]
    assert "has seen commit 8, but the log ends at 7" in reasons
    assert daemon.get("/readyz")[0] == 503
    assert (stage.documents(), read_rows(*switch.tcp)) == (documents, rows)


# -- add-ons


ADDONS = """
from midonet.services.runtime.service import Service

class Greeter(Service):
    def start(self):
        with open("{folder}/greeting", "w") as file:
            file.write(str(self.context.feed.head.position))
    def stop(self):
        pass

class Clumsy(Service):
    def start(self):
        raise RuntimeError("oh dear")
    def stop(self):
        raise RuntimeError("again")
"""
DOORS = "[midonet.services]\ngreeter = addons:Greeter\nclumsy = addons:Clumsy\nghost = nowhere:Ghost\n"


def test_add_ons_are_found_and_cannot_stop_the_daemon(scene: Make, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    info = packages / "addons-1.0.dist-info"
    info.mkdir(parents=True)
    (packages / "addons.py").write_text(ADDONS.format(folder=tmp_path))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: addons\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(DOORS)
    stage = scene()
    stage.create("bridge", name="b")
    options = ["--log", stage.url, "--zookeeper", stage.hosts, "--root", stage.root]
    with running(*options, PYTHONPATH=str(packages)) as (process, url):
        stage.nsdb_settles()
        eventually((tmp_path / "greeting").exists)
        eventually(lambda: _services(url)["clumsy"]["restarts"] >= 2)
        services = _services(url)
        assert {name for name, each in services.items() if each["healthy"]} >= {"nsdb", "greeter"}
        assert services["clumsy"]["last_error"].startswith("RuntimeError: oh dear (")
        assert "nowhere" in services["ghost"]["last_error"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert "Traceback" not in process.stderr.read()  # type: ignore[union-attr]


def _services(url: str) -> dict[str, dict[str, Any]]:
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=5)) as connection:
        connection.request("GET", "/status")
        return {each["name"]: each for each in json.load(connection.getresponse())["services"]}
