"""A clock that ran ahead once, on the command line."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midonet.events.log import commit_clock

Midoctl = Any


@pytest.fixture
def ahead(midoctl: Midoctl, monkeypatch: pytest.MonkeyPatch) -> Midoctl:
    """A log with two commits, the second of which is dated ten years in the future."""

    class Clock(datetime):
        @classmethod
        def now(cls, _: object = None) -> datetime:  # type: ignore[override]  # only UTC is asked for
            return datetime.now(UTC) + timedelta(days=3650)

    midoctl.ok("bridge", "create", "a")
    with monkeypatch.context() as patch:
        patch.setattr(commit_clock, "datetime", Clock)
        assert midoctl.refused(5, "bridge", "create", "b")["code"] == "clock-skew"
        midoctl.ok("bridge", "create", "b", "--accept-clock")
    return midoctl


def test_writes_are_refused_after_a_clock_ran_ahead(ahead: Midoctl) -> None:
    error = ahead.refused(5, "bridge", "create", "c")
    assert error["code"] == "clock-skew"
    assert "--accept-clock" in error["message"]
    assert ahead.ok("head")["position"] == 2
    assert ahead.ok("bridge", "create", "c", "--accept-clock")["position"] == 3
    assert ahead.ok("bridge", "create", "d", "--max-clock-skew", str(3651 * 86400))["position"] == 4
    ahead.environ["MIDOCTL_ACCEPT_CLOCK"] = "true"
    assert ahead.ok("bridge", "create", "e")["position"] == 5
    times = [json.loads(line)["time"] for line in ahead("-o", "json", "log").out.splitlines()]
    assert times == sorted(times)


def test_verify_names_the_first_time_in_the_future(ahead: Midoctl) -> None:
    assert ahead.ok("verify")["untrusted_time"] == 2
    assert "not trustworthy from position 2 on" in ahead("verify").out


def test_moment_by_time_warns_about_unordered_times(ahead: Midoctl) -> None:
    now = datetime.now(UTC).isoformat()
    for words in (["bridge", "list", "--at", now], ["log", "--since", now], ["diff", now]):
        run = ahead("-o", "json", *words)
        assert run.status == 0, run
        assert re.search("times of this log are not trustworthy: commit 2 is dated", run.err), words
        assert run.err.count("\n") == 1
    assert ahead("-o", "json", "bridge", "list", "--at", "1").err == ""


def test_a_clock_that_is_right_is_not_mentioned(midoctl: Midoctl) -> None:
    midoctl.ok("bridge", "create", "a")
    assert midoctl("-o", "json", "bridge", "list", "--at", datetime.now(UTC).isoformat()).err == ""
    assert "untrusted_time" not in midoctl.ok("verify")
