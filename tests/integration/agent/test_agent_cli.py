"""`midonet-agent` at the command line: what it prints, how it refuses, what it serves, what it never loads."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from agents import AgentProcess, ViewWriter, command
from msgspec.structs import asdict
from waiting import HEARS_CTRL_C, eventually

from midonet.events.config.connection_security import ConnectionSecurity
from midonet.events.model.bridge import Bridge
from midonet.events.model.port import Port
from midonet.testbed import ZooKeeper

Start = Callable[..., AgentProcess]

HOST = "6f1f0b3c-6f0f-4c68-8d3a-9b1a4a1f2e3d"


def run(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MIDONET_")}
    done = subprocess.run(
        command(*words), capture_output=True, text=True, check=False, timeout=20, env=inherited | environ
    )
    assert "Traceback" not in done.stderr
    return done


def refused(status: int, *words: str, **environ: str) -> str:
    """Run what has to fail with one line; return the line."""
    done = run(*words, **environ)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    with TemporaryDirectory(prefix="mn-", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
def agent(writer: ViewWriter, start: Start, host: str) -> AgentProcess:
    agent = start(host, "--http", "127.0.0.1:0")
    port = Port(id="p1", name="vm", bridge="b1", host=host, interface="lo")
    writer.commit(1, {"bridge/x": [Bridge(id="b1", name="web")], "port/x": [port]}, {host: ["bridge/x", "port/x"]})
    writer.switch()
    eventually(lambda: [port["active"] for port in agent.show().get("ports", [])] == [True])
    return agent


def http_port(agent: AgentProcess) -> int:
    found = re.search(r"http_port=(\d+)", agent.log.read_text())
    assert found
    return int(found[1])


def get(agent: AgentProcess, page: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", http_port(agent), timeout=5)
    connection.request("GET", page)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_show_prints_a_table(agent: AgentProcess) -> None:
    shown = run("show", "--run-dir", str(agent.run_dir))
    assert shown.returncode == 0
    assert f"host:       {agent.host}" in shown.stdout
    assert "position:   1 of 1, 2 documents\n" in shown.stdout
    assert re.search(r"^bridge +1$", shown.stdout, re.MULTILINE)
    assert re.search(r"^vm +bridge web +lo +active$", shown.stdout, re.MULTILINE)


def test_show_prints_the_same_as_json_yaml_and_http(agent: AgentProcess) -> None:
    forms = [run("show", "--run-dir", str(agent.run_dir), "-o", form).stdout for form in ("json", "yaml")]
    shown = agent.show()
    assert json.loads(forms[0]) == yaml.safe_load(forms[1]) == json.loads(get(agent, "/snapshot")[1]) == shown
    assert shown["objects"]["port"]["p1"]["interface"] == "lo"


def test_show_without_an_agent_fails(short: Path) -> None:
    assert refused(5, "show", "--run-dir", str(short)) == f"midonet-agent: no agent runs here (looked in {short})"
    line = refused(5, "show", "--run-dir", str(short), "--host-id", HOST, "-o", "json")
    assert json.loads(line)["error"]["code"] == "unavailable"
    assert HOST in line


def test_show_finds_no_agent_behind_the_socket_of_a_killed_one(agent: AgentProcess) -> None:
    agent.kill()
    assert list(agent.run_dir.glob("*.sock"))
    assert "no agent runs here" in refused(5, "show", "--run-dir", str(agent.run_dir))


def test_show_of_several_agents_requires_a_choice(agent: AgentProcess, zookeeper: ZooKeeper) -> None:
    words = ("--zookeeper", zookeeper.hosts, "--root", "/nowhere", "--run-dir", str(agent.run_dir), "--host-id", HOST)
    with subprocess.Popen(command("run", *words), stderr=subprocess.DEVNULL) as second:
        eventually(lambda: run("show", "--run-dir", str(agent.run_dir)).returncode == 3)
        line = refused(3, "show", "--run-dir", str(agent.run_dir), "-o", "json")
        assert json.loads(line)["error"]["details"]["candidates"] == sorted([HOST, agent.host])
        shown = run("show", "--run-dir", str(agent.run_dir), "--host-id", HOST, "-o", "json")
        assert json.loads(shown.stdout)["root"] == "/nowhere"
        second.terminate()


def test_a_second_agent_takes_the_socket_over_when_it_is_free(
    agent: AgentProcess, zookeeper: ZooKeeper, zk_root: str
) -> None:
    words = ("--zookeeper", zookeeper.hosts, "--root", zk_root, "--run-dir", str(agent.run_dir))
    with subprocess.Popen(command("run", *words, "--host-id", agent.host), stderr=subprocess.DEVNULL) as second:
        time.sleep(1.5)
        assert agent.show()["pid"] == agent.process.pid
        agent.stop()
        eventually(lambda: agent.show().get("pid") == second.pid)
        second.terminate()


def test_pages(agent: AgentProcess) -> None:
    assert get(agent, "/healthz") == (200, '{"alive":true}')
    assert json.loads(get(agent, "/readyz")[1]) == {"ready": True, "reasons": [], "notes": []}
    assert "\nmidonet_agent_applied_position 1.0\n" in get(agent, "/metrics")[1]
    assert get(agent, "/nothing")[0] == 404


def test_not_ready_is_503(start: Start, host: str) -> None:
    agent = start(host, "--http", "127.0.0.1:0")
    eventually(lambda: agent.logged("registered"))
    status, text = get(agent, "/readyz")
    assert status == 503
    assert "no view is published" in json.loads(text)["reasons"][0]


def test_print_config_shows_what_counts(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("zookeeper: file:1\nroot: /file\nlog_level: error\n")
    shown = run(
        *("run", "--config", str(file), "--zookeeper", "flag:1", "--print-config"),
        MIDONET_ZOOKEEPER="environment:1",
        MIDONET_ROOT="/environment",
    )
    assert shown.returncode == 0
    assert yaml.safe_load(shown.stdout) == {
        **asdict(ConnectionSecurity()),
        "zookeeper": "flag:1",
        "root": "/environment",
        "log_level": "error",
        "host_id": None,
        "host_id_file": None,
        "http": None,
        "run_dir": None,
        "session_timeout": 10.0,
        "probe_port": 6680,
        "probe_interval": 1.0,
    }


def test_the_printed_configuration_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(run("run", "--zookeeper", "a:1", "--http", "[::1]:80", "--print-config").stdout)
    again = run("run", "--print-config", MIDONET_CONFIG=str(file))
    assert again.stdout == file.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), "zookeeper is not set: give --zookeeper, MIDONET_ZOOKEEPER"),
        (("run", "--zookeeper", "nowhere"), "--zookeeper: 'nowhere' is not HOST:PORT"),
        (("run", "--root", "midonet"), "--root: 'midonet' is not an absolute path"),
        (("run", "--host-id", "hv1"), "--host-id: 'hv1' is not a UUID"),
        (("run", "--http", "80"), "--http: '80' is not HOST:PORT"),
        (("run", "--log-level", "loud"), "--log-level: one of debug, info, warning, error is needed"),
        (("run", "--session-timeout", "-1"), "--session-timeout: "),
        (("run", "--config", "/nonexistent"), "/nonexistent: No such file or directory"),
        (("run", "--config", "/"), "/: Is a directory"),
        (("run", "--frobnicate"), "No such option"),
        (("run", "surplus"), "unexpected extra argument"),
        (("frobnicate",), "No such command"),
        (("show", "-o", "xml"), "Invalid value for '-o'"),
    ],
)
def test_a_bad_invocation_is_one_clear_line(words: tuple[str, ...], said: str) -> None:
    line = refused(2, *words)
    assert line.startswith("midonet-agent: ")
    assert said in line


def test_without_a_command_it_prints_a_summary() -> None:
    done = run()
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: midonet-agent")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("zookeper: a:1\n", "there is no setting 'zookeper'; known are zookeeper, root, host_id"),
        ("- a\n", "must hold settings as `key: value`"),
        ("root: [", "is not YAML"),
        ("root: {a: b}\n", "root"),
        ("http: 8080\n", "http: '8080' is not HOST:PORT"),
    ],
)
def test_a_bad_configuration_file_is_one_clear_line(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(content)
    assert said in refused(2, "run", "--config", str(file), "--print-config")


def test_a_host_id_file_that_holds_garbage_is_refused(tmp_path: Path, short: Path) -> None:
    file = tmp_path / "host-id"
    file.write_text("garbage")
    words = ("run", "--zookeeper", "127.0.0.1:1", "--host-id-file", str(file), "--run-dir", str(short))
    assert f"the host id file {file} holds 'garbage', not a UUID" in refused(3, *words)
    assert file.read_text() == "garbage"


def test_an_address_in_use_is_refused(agent: AgentProcess, short: Path) -> None:
    address = f"127.0.0.1:{http_port(agent)}"
    words = ("run", "--zookeeper", "127.0.0.1:1", "--host-id", HOST, "--run-dir", str(short), "--http", address)
    assert run(*words).returncode == 5
    assert f"cannot serve HTTP on {address}: Address already in use" in run(*words).stderr
    assert not list(short.iterdir())


def test_a_run_directory_that_is_too_long_is_refused(tmp_path: Path) -> None:
    words = ("run", "--zookeeper", "127.0.0.1:1", "--host-id", HOST, "--run-dir", str(tmp_path / ("x" * 80)))
    assert "too long for a Unix socket; set a shorter --run-dir" in refused(5, *words)


def test_a_fresh_host_makes_its_identity(tmp_path: Path, zookeeper: ZooKeeper, short: Path) -> None:
    file = tmp_path / "host-id"
    words = ("--zookeeper", zookeeper.hosts, "--host-id-file", str(file), "--run-dir", str(short))
    with subprocess.Popen(command("run", *words), stderr=subprocess.DEVNULL) as agent:
        eventually(lambda: list(short.iterdir()))
        shown = eventually(lambda: run("show", *words, "-o", "json").stdout)
        assert json.loads(shown)["host"] == file.read_text().strip()
        agent.terminate()


def test_a_running_agent_has_loaded_neither_kafka_nor_faust_nor_sql(zookeeper: ZooKeeper, short: Path) -> None:
    words = ["run", "--zookeeper", zookeeper.hosts, "--host-id", HOST, "--run-dir", str(short)]
    program = f"from midonet.agent.main import main; raise SystemExit(main({words!r}))"
    with subprocess.Popen(
        [*HEARS_CTRL_C, sys.executable, "-X", "importtime", "-c", program], stderr=subprocess.PIPE, text=True
    ) as agent:
        eventually(lambda: list(short.glob("*.sock")))
        time.sleep(0.5)
        agent.send_signal(signal.SIGINT)
        report = agent.communicate(timeout=10)[1]
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in report.splitlines() if "|" in line}
    assert "kazoo" in loaded
    assert loaded.isdisjoint({"kafka", "faust", "sqlalchemy", "aiohttp", "rich", "prometheus_client", "ovs"})
