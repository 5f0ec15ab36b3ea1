"""midoctl with a cluster's API as its server."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from api_node import ApiNode
from asking import Asker
from waiting import HEARS_CTRL_C, eventually

from midonet.cli.main import main
from midonet.events.api_client import ApiClient
from midonet.events.log import open_log

MIDOCTL = Path(sys.executable).with_name("midoctl")


@pytest.fixture
def midoctl(
    node: ApiNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Run a command on the node; return its JSON output."""
    monkeypatch.setenv("MIDOCTL_SERVER", node.url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str, status: int = 0) -> Any:
        found = main(["-o", "json", *words])
        told = capfd.readouterr()
        assert found == status, told.err
        return json.loads(told.out or told.err or "null")

    return run


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests so far."""
    asked: list[str] = []
    real = ApiClient._ask  # noqa: SLF001 - the one place that every request passes

    def noting(client: ApiClient, message: Any, take: Any) -> Any:
        asked.append(f"{message.method} {message.target.partition('?')[0]}")
        return real(client, message, take)

    monkeypatch.setattr(ApiClient, "_ask", noting)
    return asked


def test_one_object_takes_few_requests(midoctl: Callable[..., Any], requests: list[str]) -> None:
    for name in ("a", "b"):
        midoctl("bridge", "create", name)
    port = midoctl("port", "create", "p", "--bridge", "b")["object"]
    requests.clear()
    assert midoctl("port", "show", "p") == port
    assert len(requests) <= 4
    requests.clear()
    assert midoctl("port", "show", port["id"]) == port
    assert len(requests) <= 4
    requests.clear()
    assert midoctl("port", "set", "b/p", "--vlan", "7")["object"]["vlan"] == 7
    assert requests == ["POST /v1/commands"]


def test_table_fetches_referenced_objects_at_once(
    midoctl: Callable[..., Any], requests: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        midoctl("bridge", "create", f"b{number}")
        midoctl("port", "create", "p", "--bridge", f"b{number}")
    requests.clear()
    assert main(["port", "list"]) == 0
    assert "b29" in capfd.readouterr().out
    assert len(requests) <= 5


def test_one_invocation_reads_one_position(midoctl: Callable[..., Any], node: ApiNode) -> None:
    midoctl("bridge", "create", "a")
    stop = threading.Event()

    def churn() -> None:
        with Asker(node.url) as asker:
            while not stop.is_set():
                asker.ok("POST", "/v1/bridges", {"name": "x"})
                asker.ok("DELETE", "/v1/bridges/x")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(5):
            exported = midoctl("export")
            assert [one["name"] for one in exported] in (["a"], ["a", "x"])
    finally:
        stop.set()
        thread.join()


def test_export_backup_and_copy(midoctl: Callable[..., Any], node: ApiNode, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("- {kind: bridge, name: web, ports: [{name: p1}, {name: p2}]}\n")
    plan = midoctl("plan", "-f", "net.yaml", "--out", "net.plan")
    assert (plan["position"], len(plan["events"])) == (0, 3)
    assert midoctl("apply", "--plan", "net.plan")["events"] == plan["events"]
    midoctl("apply", "--plan", "net.plan")
    midoctl("bridge", "create", "db")
    assert midoctl("plan", "-f", "net.yaml")["events"] == []
    (tmp_path / "whole.yaml").write_text(json.dumps(midoctl("export")))
    assert midoctl("apply", "-f", "whole.yaml", "--prune")["events"] == []
    assert midoctl("backup", "net.backup")["position"] == 2
    assert midoctl("copy", "--to", f"sqlite:///{tmp_path}/copy.db")["count"] == 2
    with closing(open_log(node.log)) as one, closing(open_log(f"sqlite:///{tmp_path}/copy.db")) as other:
        assert list(one.read()) == list(other.read())
    midoctl("bridge", "create", "beyond")
    with closing(open_log(f"sqlite:///{tmp_path}/other.db")):
        pass
    error = midoctl("--server", f"sqlite:///{tmp_path}/copy.db", "copy", "--to", node.url, status=3)["error"]
    assert error["code"] == "conflict"
    midoctl("backup", "all.backup")
    with ApiNode(f"sqlite:///{tmp_path}/empty.db") as empty:
        refused = midoctl("--server", empty.url, "restore", "all.backup", status=2)["error"]
    assert "takes commands, not commits" in refused["message"]


def test_overview_and_shell(midoctl: Callable[..., Any], node: ApiNode, capfd: pytest.CaptureFixture[str]) -> None:
    midoctl("bridge", "create", "web")
    midoctl("tag", "start")
    found = midoctl()
    assert (found["server"], found["position"], found["objects"]) == (node.url, 2, {"bridge": 1})
    assert found["tags"] == {"start": 1}
    assert main(["shell", "-e", "bridge create db", "-e", "bridge list", "-e", "bridge show db"]) == 0
    assert "web" in capfd.readouterr().out
    assert midoctl("bridge", "list", "--at", "start")[0]["name"] == "web"
    assert midoctl("head", "--at", "start")["position"] == 1


def test_wait_runs_on_the_node(midoctl: Callable[..., Any], node: ApiNode) -> None:
    row = {"name": "nsdb", "target": "zk", "position": 0, "state": "live", "lag_events": 0}
    node.status = lambda: {"log": "l", "projections": [{**row, "position": node.feed.head.position}]}
    assert midoctl("bridge", "create", "web", "--wait", "nsdb=10")["position"] == 1
    assert midoctl("wait", "--for", "nsdb")["views"] == {"nsdb": 1}
    node.status = lambda: {"log": "l", "projections": [row]}
    assert midoctl("wait", "--for", "nsdb", "--timeout", "0.2", status=6)["error"]["code"] == "timed-out"
    late = midoctl("wait", "--for", "agents", "--timeout", "0", status=6)["error"]
    assert "no session with ZooKeeper" in late["message"], "the node reads the positions of agents there"


def test_log_follow(midoctl: Callable[..., Any], node: ApiNode) -> None:
    midoctl("bridge", "create", "web")
    command: list[str | Path] = [*HEARS_CTRL_C, MIDOCTL, "--server", node.url, "-o", "json", "log", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["position"] == 1
        midoctl("bridge", "create", "db")
        assert json.loads(following.stdout.readline())["position"] == 2
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 130


def test_retry_after_a_lost_answer_runs_once(midoctl: Callable[..., Any], node: ApiNode) -> None:
    first = midoctl("bridge", "create", "web", "--command-id", "ticket-7")
    assert midoctl("bridge", "create", "web", "--command-id", "ticket-7") == first
    assert midoctl("bridge", "create", "other", "--command-id", "ticket-7", status=3)["error"]["code"] == (
        "command-id-reused"
    )
    eventually(lambda: node.feed.head.position == 1)
