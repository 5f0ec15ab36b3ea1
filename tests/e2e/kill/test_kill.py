"""Random faults lose or duplicate no acknowledged command and leave both views correct at every moment."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, RUN, *options], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("log", "kills", "commands"), [("sqlite", "10", "300"), ("kafka", "5", "160")])
def test_random_kills_lose_nothing(log: str, kills: str, commands: str) -> None:
    done = run("--log", log, "--kills", kills, "--commands", commands)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_and_freezes_of_replicated_servers_lose_nothing() -> None:
    three = ("--log", "kafka", "--nodes", "3", "--brokers", "3", "--zookeepers", "3")
    done = run(*three, "--api", "2", "--kills", "6", "--commands", "160", "--frozen", "0.5", "--seed", "2")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("log", ["sqlite", "kafka"])
def test_two_hundred_random_kills_lose_nothing(log: str) -> None:
    done = run("--log", log, "--kills", "200", "--commands", "2000")
    assert done.returncode == 0, done.stdout + done.stderr
