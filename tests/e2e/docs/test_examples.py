"""Every `sh` example in the documentation runs as it stands.

The blocks of README.md run in their order, in one shell and one new home directory. Each block of any other page runs
alone, on a log of its own.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{number}")
    for page in sorted((ROOT / "docs").glob("*.md"))
    for number, example in enumerate(blocks(page))
]


def run(script: str, cwd: Path, **variables: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MIDOCTL_", "XDG_"))}
    environment = {**inherited, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    command = ["bash", "-uo", "pipefail", "-c", script]
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example: str, tmp_path: Path) -> None:
    log = f"{tmp_path}/data/midoctl/topology.db"
    run(f"set -e\n{example}", tmp_path, HOME=str(tmp_path), LOG=log, XDG_DATA_HOME=f"{tmp_path}/data")


def test_each_readme_line_exits_zero(tmp_path: Path) -> None:
    lines = [line for block in blocks(README) for line in block.splitlines()]
    assert len(lines) >= 20
    check = 'status=$?; [ $status = 0 ] || { echo "line {}: exit status $status" >&2; exit 1; }'
    script = "\n".join(f"{line}\n{check.replace('{}', str(number), 1)}" for number, line in enumerate(lines, 1))
    run(script, ROOT, HOME=str(tmp_path), TMPDIR=str(tmp_path))


def test_readme_is_at_most_140_lines() -> None:
    assert len(README.read_text().splitlines()) <= 140


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2
