"""`midonet-cluster dev` runs a cluster, its API and an emulated switch on one machine."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest
from waiting import eventually

from midonet.cli.main import main as midoctl
from midonet.events.errors import Misconfigured
from midonet.services.dev.folder import default_folder, free_port, settings_file
from midonet.services.main import main as cluster

JARS = Path(__file__).parents[3] / ".cache" / "jars"


@contextmanager
def development(folder: Path) -> Iterator[dict[str, str]]:
    """Run it; yield what it prints at start."""
    command = [sys.executable, "-m", "midonet.services.main", "dev", "--data", str(folder), "--http", "127.0.0.1:0"]
    environ = {**os.environ, "MIDONET_JARS": str(JARS), "MIDONET_LOG": "sqlite:////nowhere/other.db"}
    with (folder.parent / "journal").open("w") as journal:
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=journal, text=True)
    assert process.stdout is not None
    try:
        lines = list(takewhile(lambda line: line != "\n", process.stdout))
        assert process.poll() is None, (folder.parent / "journal").read_text()
        yield dict(line.split(maxsplit=1) for line in lines)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_midoctl_works_through_its_api(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "dev"
    with development(folder) as shown:
        server = ["--server", shown["API"].strip()]
        assert shown["data"].strip() == str(folder)
        eventually(lambda: midoctl([*server, "bridge", "create", "web"]) == 0, 60)
        eventually(lambda: midoctl([*server, "wait", "--for", "nsdb"]) == 0, 60)
        switch = re.match(r"127\.0\.0\.1:(\d+)", shown["switch"])
        assert switch is not None, shown
        assert midoctl([*server, "tunnel-zone", "create", "tors", "--type", "vtep"]) == 0
        address = ["--management-ip", "127.0.0.1", "--management-port", switch[1]]
        assert midoctl([*server, "vtep", "create", "tor1", *address, "--tunnel-zone", "tors"]) == 0
        eventually(lambda: _connected(server, capfd), 30)
        command = [sys.executable, "-m", "midonet.services.main", "dev", "--data", str(folder)]
        environ = {**os.environ, "MIDONET_JARS": str(JARS)}
        second = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert (second.returncode, second.stderr.count("\n")) == (5, 1)
        assert "another ZooKeeper serves at 127.0.0.1:" in second.stderr
        assert (folder / "switch/db.sock").exists()
    with development(folder) as shown:
        eventually(lambda: midoctl(["--server", shown["API"].strip(), "bridge", "show", "web"]) == 0, 60)
        assert shown["switch"].startswith(switch[0])


def _connected(server: list[str], capfd: pytest.CaptureFixture[str]) -> bool:
    capfd.readouterr()
    midoctl([*server, "vtep", "status", "--cluster", server[1]])
    return " connected " in capfd.readouterr().out


def test_its_settings_file_is_written_once(tmp_path: Path) -> None:
    file = settings_file(tmp_path / "dev")
    file.write_text("log: sqlite:////elsewhere.db\n")
    assert settings_file(tmp_path / "dev").read_text() == "log: sqlite:////elsewhere.db\n"


def test_a_port_in_use_is_replaced() -> None:
    taken = free_port(0)
    assert free_port(taken) == taken
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(taken)], stdout=subprocess.PIPE, stdin=-1) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert free_port(taken) != taken
        holder.kill()


_HOLD = """
import socket, sys
held = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


def test_default_folder_is_the_users(tmp_path: Path) -> None:
    assert default_folder({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "midonet" / "dev"


def test_missing_java_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert cluster(["dev", "--data", str(tmp_path / "dev")]) == Misconfigured.exit_status
    shown = capsys.readouterr().err
    assert shown == ("midonet-cluster: Java was not found: install a Java runtime (17 or newer), or set JAVA_HOME\n")
