"""Every `sh` example in the documentation runs as it stands.

The blocks of README.md run in their order, in one terminal and one new home directory. Each block of any other page
runs alone, on a log of its own.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
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


def test_readme_runs_in_a_terminal_without_our_environment(tmp_path: Path) -> None:
    """Each line exits with 0, in a terminal of 80 columns, on a PATH without this virtual environment.

    `pip install` finds the requirements among the packages of this environment, so it needs no package index.
    """
    lines = [line for block in blocks(README) for line in block.splitlines()]
    assert len(lines) >= 20
    check = 'status=$?; [ $status = 0 ] || { echo "line {}: exit status $status"; exit 1; }'
    script = "\n".join(f"{line}\n{check.replace('{}', str(number), 1)}" for number, line in enumerate(lines, 1))
    shown, status = in_terminal(script, ROOT, environment_without_ours(tmp_path))
    assert status == 0, shown
    assert not [line for line in shown.splitlines() if "Traceback" in line]


def environment_without_ours(home: Path) -> dict[str, str]:
    ours = Path(sys.executable).parent
    path = [folder for folder in os.environ["PATH"].split(":") if Path(folder) != ours]
    assert shutil.which("midoctl", path=":".join(path)) is None
    packages = [folder for folder in sys.path if folder.endswith("site-packages")]
    return {
        "PATH": ":".join(path),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "PYTHONPATH": ":".join(packages),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def in_terminal(script: str, cwd: Path, environ: dict[str, str]) -> tuple[str, int]:
    """Run a script of bash in a terminal of 80 columns; return its output and exit status."""
    command = ["-uo", "pipefail", "-c", script]
    terminal = pexpect.spawn(
        "bash", command, env=environ, cwd=str(cwd), dimensions=(24, 80), timeout=100, encoding="utf-8"
    )
    shown = terminal.read()
    terminal.close()
    return shown, terminal.exitstatus


def test_readme_is_at_most_140_lines() -> None:
    assert len(README.read_text().splitlines()) <= 140


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2
