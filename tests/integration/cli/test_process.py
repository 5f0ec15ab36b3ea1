"""Midoctl as a process: start-up time, broken streams, signals, completion, invalid addresses, an edited log."""

import json
import os
import pty
import re
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
from contextlib import closing
from itertools import starmap
from pathlib import Path
from typing import Any

import pytest
from waiting import HEARS_CTRL_C

from midonet.events.commands.command import Command, Create
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context, PendingCommand
from midonet.events.log.store import Store

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

MIDOCTL = Path(sys.executable).with_name("midoctl")
HELP_SECONDS = 0.150
SHOW_SECONDS = 0.5


def log_of(midoctl: Midoctl) -> Path:
    return Path(midoctl.environ["XDG_DATA_HOME"]) / "midoctl/topology.db"


def work(midoctl: Midoctl, *words: str) -> float:
    """Return the median CPU time of ten runs, in seconds, which other load does not change."""
    times = []
    for _ in range(10):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert midoctl.process(*words).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(times)


@pytest.mark.alone
def test_help_is_quick(midoctl: Midoctl) -> None:
    assert work(midoctl, "--help") < HELP_SECONDS


def test_help_loads_only_click() -> None:
    code = "import sys; from midonet.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"msgspec", "sqlalchemy", "sqlite3", "kafka", "kazoo", "rich", "yaml", "json", "pathlib"}


@pytest.mark.alone
def test_one_object_among_many_is_shown_quickly(midoctl: Midoctl) -> None:
    log_of(midoctl).parent.mkdir(parents=True)
    with closing(open_log(f"sqlite:///{log_of(midoctl)}")) as log:
        fill(Store(log), 10_000)
    assert midoctl.ok("port", "show", "p7777")["name"] == "p7777"
    assert work(midoctl, "port", "show", "p7777") < SHOW_SECONDS


def fill(store: Store, ports: int) -> None:
    context = Context(actor="test")
    store.execute(Command("bridge.create", [Create("bridge", {"name": "web"})]), context)
    commands = [Command("port.create", [Create("port", {"name": f"p{n}", "bridge": "web"})]) for n in range(ports)]
    for result in store.run(starmap(PendingCommand, [(command, context) for command in commands])):
        assert not isinstance(result, Exception)


def test_data_goes_to_stdout_and_messages_to_stderr(midoctl: Midoctl) -> None:
    done = midoctl.process("bridge", "create", "web", "--dry-run")
    assert done.stdout.startswith("bridge web created")
    assert done.stderr.startswith("dry run")
    done = midoctl.process("bridge", "show", "web", "-o", "json")
    assert (done.returncode, done.stdout) == (4, "")
    assert json.loads(done.stderr)["error"]["code"] == "not-found"


def test_a_full_disk_is_a_one_line_error(network: Midoctl) -> None:
    for words in (["export"], ["--help"], ["bridge", "--help"], ["--version"], ["log", "-o", "json"]):
        with Path("/dev/full").open("w") as full:
            done = network.process(*words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "No space left on device" in done.stderr


def test_a_closed_stdout_is_a_one_line_error(network: Midoctl) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{MIDOCTL}" head >&-'], env=network.environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "midoctl: the output cannot be written: standard output is closed\n")


def test_a_closed_pipe_ends_silently(network: Midoctl) -> None:
    for number in range(3):
        network.ok("bridge", "create", f"b{number}", "-m", "x" * 4000)
    with subprocess.Popen(
        [MIDOCTL, "log", "-o", "json", "--follow"], env=network.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        network.ok("bridge", "create", "last")
        assert process.wait(30) == 128 + signal.SIGPIPE
        assert process.stderr.read() == b""


def test_ctrl_c_prints_one_line(network: Midoctl) -> None:
    with subprocess.Popen(
        [*HEARS_CTRL_C, MIDOCTL, "log", "--follow"],
        env=network.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("1  ")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT
        assert process.stderr.read() == "midoctl: interrupted\n"


def test_follow_shows_later_commits(network: Midoctl) -> None:
    with subprocess.Popen(
        [MIDOCTL, "log", "-o", "json", "--follow", "-n", "1", "--kind", "bridge"],
        env=network.environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["position"] == 1
        network.ok("router", "create", "r")
        network.ok("bridge", "create", "b")
        assert json.loads(process.stdout.readline())["position"] == 3
        process.terminate()


@pytest.mark.parametrize("colour", [True, False])
def test_tables_fit_the_terminal_and_are_coloured_only_there(network: Midoctl, colour: bool) -> None:  # noqa: FBT001 - the parameter
    environ = {**network.environ, "TERM": "xterm-256color", "COLUMNS": "60"} | ({} if colour else {"NO_COLOR": "1"})
    controller, terminal = pty.openpty()
    done = subprocess.run([MIDOCTL, "port", "list"], env=environ, stdout=terminal, check=True)
    os.close(terminal)
    shown = os.read(controller, 100_000).decode()
    os.close(controller)
    assert done.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;]*m|\r", "", shown)
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 60
    assert ("\x1b[1m" in shown) == colour


@pytest.mark.parametrize(
    ("server", "status"),
    [
        ("sqlite:///", 2),
        ("mysql://root:secret@db/x", 2),
        ("http://127.0.0.1:1/", 5),
        ("http://user:secret@127.0.0.1:1", 5),
        ("nonsense", 2),
        ("postgresql+psycopg://u:secret@127.0.0.1:1/x", 5),
        ("kafka://user:secret@/t", 2),
        ("sqlite:////proc/version", 5),
        ("sqlite:////proc/nothing/here.db", 5),
        ("sqlite:////root", 5),
    ],
)
def test_an_invalid_address_is_reported_without_secrets(midoctl: Midoctl, server: str, status: int) -> None:
    done = midoctl.process("--server", server, "-o", "json", "bridge", "create", "x")
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1
    assert set(json.loads(done.stderr)["error"]) == {"code", "message", "details"}
    assert "secret" not in done.stderr + done.stdout
    assert midoctl("--server", server, "bridge", "list").status in (status, 0), "an absent file reads as empty"


def test_another_file_is_refused_as_log(midoctl: Midoctl, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("not a database at all, but long enough to be taken for one" * 100)
    for words in (["bridge", "list"], ["bridge", "create", "x"], ["head"], ["verify"]):
        assert midoctl.refused(5, "--server", f"sqlite:///{other}", *words)["code"] == "misconfigured"


def test_an_edited_log_fails_at_the_first_bad_position(network: Midoctl) -> None:
    for number in range(3):
        network.ok("bridge", "create", f"b{number}")
    with closing(sqlite3.connect(log_of(network), isolation_level=None)) as database:
        database.execute("UPDATE commits SET actor = replace(actor, 'alice', 'mally') WHERE position = 2")
        database.execute("UPDATE commits SET body = replace(CAST(body AS TEXT), 'alice', 'mally') WHERE position = 2")
    for words in (["verify"], ["bridge", "list"], ["log"], ["bridge", "create", "x"]):
        run = network("-o", "json", *words)
        assert run.status == 7
        assert json.loads(run.err)["error"]["details"]["position"] == 2


def test_a_read_only_log_is_read(network: Midoctl) -> None:
    network.process("head")
    path = log_of(network)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        done = network.process("-o", "json", "bridge", "list")
        assert [bridge["name"] for bridge in json.loads(done.stdout)] == ["web"]
    finally:
        path.parent.chmod(0o755)


@pytest.fixture(params=["postgres", "kafka"])
def server(request: pytest.FixtureRequest) -> str:
    """Address of an empty log on a server."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    topic = request.getfixturevalue("kafka_topic")
    return f"kafka://{request.getfixturevalue('kafka').bootstrap}/{topic}"


def test_other_logs_work_the_same(midoctl: Midoctl, server: str) -> None:
    midoctl.environ["MIDOCTL_SERVER"] = server
    assert midoctl.refused(5, "bridge", "list")["code"] == "unavailable"
    error = midoctl.refused(5, "bridge", "create", "web")
    assert "--create creates it" in error["message"]
    assert "--create" in midoctl.refused(5, "shell", "-e", "bridge create web")["message"]
    assert midoctl.refused(5, "bridge", "list")["code"] == "unavailable", "nothing was created"
    assert midoctl.ok("bridge", "create", "web", "--command-id", "once", "--create")["position"] == 1
    assert midoctl.ok("bridge", "create", "web", "--command-id", "once")["position"] == 1
    assert midoctl.ok("bridge", "show", "web")["name"] == "web"
    assert midoctl.ok("head")["position"] == midoctl.ok("verify")["count"] == 1
    assert midoctl("log").out.startswith("1  ")
    run = midoctl("shell", "-e", "bridge create db", "-e", "bridge list -o name", "-e", "head -o name")
    assert (run.status, run.out.split()[-3:]) == (0, ["db", "web", "2"])
    assert midoctl.ok()["position"] == 2


def complete(midoctl: Midoctl, line: str) -> list[str]:
    words = line.split(" ")
    environ = {"_MIDOCTL_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = midoctl.process(env=environ)
    assert done.returncode == 0
    assert done.stderr == ""
    return [found.partition(",")[2] for found in done.stdout.split()]


def test_shells_complete_commands_options_and_names(network: Midoctl) -> None:
    assert complete(network, "midoctl tun") == ["tunnel-zone"]
    assert complete(network, "midoctl bridge add") == ["add-mac", "add-arp"]
    assert complete(network, "midoctl bridge set --admin") == ["--admin-state-up"]
    assert complete(network, "midoctl bridge show w") == ["web"]
    assert complete(network, "midoctl port set p1 --host ") == ["hv1", "hv2"]
    assert complete(network, "midoctl rule create --action rev") == ["rev-snat", "rev-dnat"]
    assert complete(network, "midoctl port clear p1 inter") == ["interface"]
    assert complete(network, "midoctl -o ") == ["table", "json", "yaml", "name"]
    assert "edge" in complete(network, "midoctl history ")
    assert complete(network, "midoctl --server nonsense bridge show ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_of_shells(midoctl: Midoctl, shell: str) -> None:
    run = midoctl("completion", shell)
    assert run.status == 0
    assert "_MIDOCTL_COMPLETE" in run.out


def test_version_is_printed(midoctl: Midoctl) -> None:
    assert midoctl.process("--version").stdout.startswith("midoctl ")


def test_an_unexpected_error_is_one_line(midoctl: Midoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a\nbug with postgresql://u:secret@db")

    monkeypatch.setattr("midonet.cli.session.log_reader.LogReader.head", fail)
    monkeypatch.setattr("midonet.cli.session.state_reader.log_exists", lambda _: True)
    error = midoctl.refused(1, "head")
    assert error["code"] == "internal"
    assert "secret" not in error["message"]
    assert "Traceback" not in midoctl("head").err
    midoctl.environ["MIDOCTL_DEBUG"] = "1"
    assert "Traceback" in midoctl("head").err


def test_a_missing_demo_is_reported(midoctl: Midoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "make demo" in midoctl.refused(4, "demo")["message"]


def test_options_come_from_all_sources(midoctl: Midoctl, tmp_path: Path) -> None:
    config = tmp_path / "config/midoctl/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(f"server: sqlite:///{tmp_path}/there.db\noutput: json\nactor: carol\n")
    assert json.loads(midoctl.process("bridge", "create", "web", "--create").stdout)["position"] == 1
    assert (tmp_path / "there.db").exists()
    done = midoctl.process("log", env={"MIDOCTL_OUTPUT": "name"})
    assert done.stdout == "1\n"
    config.chmod(0o000)
    if not os.access(config, os.R_OK):  # root reads everything
        assert midoctl.process("log").stderr.count("\n") == 1
    config.chmod(0o644)
    config.write_text("servre: x\n")
    done = midoctl.process("-o", "json", "log")
    assert (done.returncode, json.loads(done.stderr)["error"]["code"]) == (2, "usage")
