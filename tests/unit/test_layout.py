"""The house stays in order: where packages lie, who imports whom, what is pinned."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PORTIONS = PROJECT["tool"]["hatch"]["build"]["dev-mode-dirs"]
PACKAGES = sorted(folder for portion in PORTIONS for folder in (ROOT / portion / "midonet").iterdir())
MODULES = sorted(module for folder in [*PORTIONS, "tests"] for module in (ROOT / folder).rglob("*.py"))
MOST_LINES = 500


def requirements() -> Iterable[Requirement]:
    project = PROJECT["project"]
    for group in [project["dependencies"], *project["optional-dependencies"].values()]:
        yield from map(Requirement, group)


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_imports_follow_the_arrows() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("portion", PORTIONS)
def test_a_portion_of_the_namespace_is_no_package(portion: str) -> None:
    assert not (ROOT / portion / "__init__.py").exists()
    assert not (ROOT / portion / "midonet" / "__init__.py").exists()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_package_has_a_py_typed_file(package: Path) -> None:
    assert (package / "__init__.py").exists()
    assert (package / "py.typed").exists()


@pytest.mark.parametrize("script", PROJECT["project"]["scripts"].values())
def test_a_script_has_its_function(script: str) -> None:
    module, _, function = script.partition(":")
    assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("requirement", [each for each in requirements() if each.name != "midonet"], ids=str)
def test_a_requirement_is_pinned_to_a_version_that_it_allows(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_every_module_is_short_enough_to_read() -> None:
    assert [str(module) for module in MODULES if len(module.read_text().splitlines()) > MOST_LINES] == []
