"""The table of CONTRIBUTING.md names files that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (.+) \| `([\w/.-]+\.\w+)` \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)


def test_twenty_changes_are_listed() -> None:
    assert len(ROWS) == 20
    assert len({change for change, _ in ROWS}) == 20


def test_each_listed_file_exists() -> None:
    assert [path for _, path in ROWS if not (ROOT / path).is_file()] == []
