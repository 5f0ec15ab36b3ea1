"""Completion in a real bash, with names and ids from the log."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def bash(network: Midoctl) -> Iterator[pexpect.spawn]:
    """An interactive bash that has read the script."""
    program = shutil.which("bash")
    assert program is not None
    environ = {**network.environ, "PATH": f"{PROGRAMS}:/usr/bin:/bin", "TERM": "dumb", "PS1": "$ "}
    child = pexpect.spawn(program, ["--norc", "--noprofile", "-i"], env=environ, encoding="utf-8", timeout=30)
    child.sendline("PS1='ready> '; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'")
    child.expect("\nready> ")
    child.sendline("source <(midoctl completion bash)")
    child.expect("ready> ")
    yield child
    child.close(force=True)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("midoctl tunn", "midoctl tunnel-zone "),
        ("midoctl bridge sh", "midoctl bridge show "),
        ("midoctl bridge show w", "midoctl bridge show web "),
        ("midoctl port show web/u", "midoctl port show web/up "),
        ("midoctl bridge list --filter ten", "midoctl bridge list --filter tenant="),
        ("midoctl bridge list --sort inb", "midoctl bridge list --sort inbound-"),
        ("midoctl rule create --chain web-in --action rev-s", "midoctl rule create --chain web-in --action rev-snat "),
        ("midoctl describe vtep-b", "midoctl describe vtep-binding "),
        ("midoctl help mom", "midoctl help moments "),
        ("midoctl -o js", "midoctl -o json "),
    ],
)
def test_bash_completes(bash: pexpect.spawn, typed: str, completed: str) -> None:
    bash.send(f"echo {typed}".removeprefix("echo ") + "\t")
    bash.expect_exact(completed)


def test_ids_are_completed_as_well(bash: pexpect.spawn, network: Midoctl) -> None:
    web = network.ok("bridge", "show", "web")["id"]
    bash.send(f"midoctl bridge show {web[:6]}\t")
    bash.expect_exact(web)


def test_an_ambiguous_name_is_completed_with_its_parent(network: Midoctl, bash: pexpect.spawn) -> None:
    network.ok("bridge", "create", "db")
    network.ok("port", "create", "p1", "--bridge", "db")
    bash.send("midoctl port show db/\t")
    bash.expect_exact("db/p1")
