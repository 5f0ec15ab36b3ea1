"""A log that does not exist is created where a user can expect it, and nowhere else."""

from pathlib import Path
from typing import Any

import pytest

Midoctl = Any


@pytest.mark.parametrize(
    "words",
    [
        ["bridge", "create", "a"],
        ["service", "disable", "vtep"],
        ["apply", "-f", "-"],
        ["shell", "-e", "bridge create a"],
    ],
)
@pytest.mark.parametrize("named", ["option", "environment", "file"])
def test_a_named_log_that_is_missing_is_not_created(
    midoctl: Midoctl, tmp_path: Path, words: list[str], named: str
) -> None:
    url = f"sqlite:///{tmp_path}/missing/log.db"
    if named == "environment":
        midoctl.environ["MIDOCTL_SERVER"] = url
    elif named == "file":
        (tmp_path / "config.yaml").write_text(f"server: {url}\n")
        midoctl.environ["MIDOCTL_CONFIG"] = str(tmp_path / "config.yaml")
    else:
        words = ["--server", url, *words]
    error = midoctl.refused(5, *words, stdin=b"[{kind: bridge, name: a}]")
    assert error["code"] == "unavailable"
    assert "--create" in error["message"]
    assert not (tmp_path / "missing").exists()
    midoctl.environ["MIDOCTL_CREATE"] = "true"
    assert midoctl("-o", "json", *words, stdin=b"[{kind: bridge, name: a}]").status == 0
    assert (tmp_path / "missing/log.db").exists()


def test_a_named_log_is_created_on_request(midoctl: Midoctl, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/missing/log.db"
    assert midoctl.ok("bridge", "create", "a", "--server", url, "--create")["position"] == 1
    assert midoctl.ok("bridge", "create", "b", "--server", url)["position"] == 2


def test_the_default_log_is_created(midoctl: Midoctl) -> None:
    assert midoctl.ok("bridge", "create", "a")["position"] == 1


def test_a_dry_run_creates_no_log(midoctl: Midoctl, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/missing/log.db"
    assert midoctl.ok("--server", url, "bridge", "create", "a", "--dry-run")["position"] == 0
    assert midoctl.ok("--server", url, "bridge", "list") == []
    assert not (tmp_path / "missing").exists()
