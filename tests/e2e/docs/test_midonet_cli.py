"""Every `midoctl` line of docs/midonet-cli.md runs, in the order of the page, on one log."""

import re
import shlex
from pathlib import Path

import pytest

from midonet.cli.main import main

PAGE = Path(__file__).parents[3] / "docs" / "midonet-cli.md"
LINES = [shlex.split(line)[1:] for line in re.findall(r"`(midoctl [^`]*)` \|$", PAGE.read_text(), re.MULTILINE)]


def test_every_line_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(LINES) > 60
    for line in LINES:
        status = main(line)
        assert status == 0, f"midoctl {shlex.join(line)}: {capfd.readouterr().err.splitlines()[-1]}"
