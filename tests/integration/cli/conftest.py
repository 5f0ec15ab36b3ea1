"""Run midoctl on a temporary log: in this process, or as a process of its own."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from api_node import ApiNode

from midonet.cli.main import main

MIDOCTL = Path(sys.executable).with_name("midoctl")


class Run(NamedTuple):
    """The result of one invocation."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed, which must be one line of JSON."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which must be the only line."""
        assert self.err.count("\n") == 1, self.err
        error: dict[str, Any] = json.loads(self.err)["error"]
        assert set(error) == {"code", "message", "details"}
        return error


class Midoctl:
    """`midoctl …` in an environment with temporary files only."""

    def __init__(self, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.environ = environ
        self._patch = monkeypatch

    def __call__(self, *words: str, stdin: bytes = b"") -> Run:
        """Run it in this process."""
        with self._patch.context() as patch:
            out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
            patch.setattr("os.environ", self.environ)
            patch.setattr("rich.console.Console._environ", self.environ)  # kept by rich since its import
            patch.setattr("sys.stdout", out)
            patch.setattr("sys.stderr", err)
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            status = main(words)
            return Run(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))

    def ok(self, *words: str, stdin: bytes = b"") -> Any:
        """Run it with JSON output; return what it says."""
        run = self("-o", "json", *words, stdin=stdin)
        assert run.status == 0, run.err
        return run.json if run.out else None

    def refused(self, status: int, *words: str, stdin: bytes = b"") -> dict[str, Any]:
        """Run it with JSON output; return the error, which must have this exit code."""
        run = self("-o", "json", *words, stdin=stdin)
        assert (run.status, run.out) == (status, ""), run
        return run.error

    def process(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run it as a user does."""
        environ: Mapping[str, str] = {**self.environ, **options.pop("env", {})}
        return subprocess.run(
            [MIDOCTL, *words], env=environ, text=True, check=False, timeout=60, **{"capture_output": True, **options}
        )


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment without files of the user."""
    return {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "USER": "alice",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


_EVERYWHERE = ("test_commands", "test_history_tools", "test_plans", "test_kinds", "test_trace")
"""Modules whose tests run on a log and through a cluster's API."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of those modules on both, except those marked `log_only`."""
    everywhere = metafunc.module.__name__.rpartition(".")[2] in _EVERYWHERE
    if everywhere and "midoctl" in metafunc.fixturenames and not list(metafunc.definition.iter_markers("log_only")):
        metafunc.parametrize("midoctl", ["log", "api"], indirect=True)


@pytest.fixture
def midoctl(
    request: pytest.FixtureRequest, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Midoctl]:
    """Midoctl on a log that does not exist yet, or on a cluster's API."""
    if getattr(request, "param", "log") == "log":
        yield Midoctl(environ, monkeypatch)
        return
    with ApiNode(f"sqlite:///{environ['HOME']}/cluster.db") as node:
        environ["MIDOCTL_SERVER"] = node.url
        yield Midoctl(environ, monkeypatch)


@pytest.fixture
def network(midoctl: Midoctl) -> Callable[..., Run]:
    """Midoctl on a log with a small network: position 1."""
    text = """
- {kind: host, name: hv1}
- {kind: host, name: hv2}
- {kind: bridge, name: web, ports: [{name: p1}, {name: p2}, {name: up}]}
- {kind: router, name: edge, ports: [{name: gw, addresses: [10.0.0.1/24]}]}
- {kind: chain, name: web-in, rules: [{action: accept, tp_dst: 443, nw_proto: tcp}, {action: drop}]}
- {kind: tunnel-zone, name: fabric, type: vtep}
- kind: tunnel-zone
  name: underlay
  members: [{host: hv1, address: 172.16.0.1}, {host: hv2, address: 172.16.0.2}]
- {kind: vtep, name: tor1, management_ip: 192.0.2.10, tunnel_zone: fabric}
"""
    midoctl.ok("apply", "-f", "-", stdin=text.encode())
    return midoctl
