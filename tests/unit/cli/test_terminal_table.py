"""Tables in a terminal of 80 columns: nothing is wider, no time is cut in the middle."""

import re

import pytest
from rich.cells import cell_len

from midonet.cli.output import terminal_table

TIME = "2026-11-30T10:18:29.123456Z"


def shown(monkeypatch: pytest.MonkeyPatch, headers: list[str], row: list[str]) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    text = terminal_table.listed(headers, [row], 1)
    assert max(map(cell_len, text.splitlines())) <= 80
    return text


@pytest.mark.parametrize("place", range(4))
def test_a_time_is_whole_or_hidden(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    row = ["x" * 40, "y" * 40, "z" * 40]
    row.insert(place, TIME)
    text = shown(monkeypatch, ["one", "two", "three", "four"], row)
    assert "2026-11-30T10:18:29Z" in text or "2026" not in text
    assert not re.search(r"2026\S*…", text)


def test_a_time_that_fits_keeps_its_fraction(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TIME in shown(monkeypatch, ["time", "actor"], [TIME, "alice"])
