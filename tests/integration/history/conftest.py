"""Logs on every backend, and midoctl that indexes even short ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
from remembering import Midoctl

from midonet.cli.session import history_index


@pytest.fixture
def midoctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Midoctl]:
    """Make midoctl on a log; even a short log gets an index."""
    monkeypatch.setattr(history_index, "_TAIL", 10)
    monkeypatch.setattr(history_index, "_BATCH", 25)
    return lambda url: Midoctl(url, tmp_path, monkeypatch)


@pytest.fixture(params=["sqlite", "postgres", "kafka"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A log that does not exist yet, on each backend."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/log.db"
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"kafka://{request.getfixturevalue('kafka').bootstrap}/{request.getfixturevalue('kafka_topic')}"
