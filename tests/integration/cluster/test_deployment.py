"""Compose file, images, units and dashboard use only existing settings, options, services and metrics."""

import configparser
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from clustered import Scene
from prometheus_client.parser import text_string_to_metric_families
from waiting import eventually

from midonet.agent.settings import Settings as AgentSettings
from midonet.events.config.settings import declared_settings, load
from midonet.services.settings import Settings as ClusterSettings

Make = Callable[..., Scene]
COMPOSE = Path(__file__).parents[3] / "compose"
CLUSTER = COMPOSE / "cluster"
UNITS = sorted((COMPOSE / "systemd").glob("*.service"))


class Unique(yaml.SafeLoader):
    """YAML in which a key may stand once."""


def _mapping(loader: Unique, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - as PyYAML calls it
    written = [key.value for key, _ in node.value if key.value != "<<"]
    assert len(written) == len(set(written)), f"a key stands twice in {written}"
    loader.flatten_mapping(node)
    return dict(yaml.SafeLoader.construct_mapping(loader, node, deep))


Unique.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((CLUSTER / "compose.yaml").read_text(), Unique)  # noqa: S506 - it is a safe loader
    return loaded


def services(compose: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = compose["services"]
    return found


def test_compose_file_is_complete(compose: dict[str, Any]) -> None:
    names = services(compose).keys()
    wanted = [f"{name}{number}" for name in ("kafka", "zookeeper", "node") for number in (1, 2, 3)]
    assert set(wanted) | {"postgres", "agent1", "agent2", "tor1", "prometheus", "grafana"} == set(names)
    for name, service in services(compose).items():
        assert set(service.get("depends_on", ())) <= names, name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (CLUSTER / source).exists() if source.startswith(".") else source in compose["volumes"], volume
        if "build" in service:
            assert service["build"]["target"] in re.findall(r"^FROM \S+ AS (\w+)", dockerfile(), re.MULTILINE)


def dockerfile() -> str:
    return (CLUSTER / "Dockerfile").read_text()


def test_copied_files_exist_and_are_not_ignored() -> None:
    ignored = (CLUSTER / "Dockerfile.dockerignore").read_text().splitlines()
    for words in re.findall(r"^COPY (.*)$", dockerfile(), re.MULTILINE):
        *sources, _ = words.split()
        for source in sources:
            assert (COMPOSE.parent / source).exists(), source
            assert f"!{source}" in ignored, source


@pytest.mark.parametrize(("prefix", "settings"), [("node", ClusterSettings), ("agent", AgentSettings)])
def test_every_variable_is_a_valid_setting(compose: dict[str, Any], prefix: str, settings: type[Any]) -> None:
    known = {setting.variable for setting in declared_settings(settings)}
    found = {name: service for name, service in services(compose).items() if re.fullmatch(rf"{prefix}\d", name)}
    assert found
    for service in found.values():
        plain = {key: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value)) for key, value in service["environment"].items()}
        assert {key for key in plain if key.startswith("MIDONET_")} <= known
        load(settings, flags={}, environ=plain)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_accepts_its_sample_settings(unit: Path) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)  # systemd repeats keys
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys of systemd are written in capitals
    parser.read(unit)
    program, *arguments = shlex.split(parser["Service"]["ExecStart"])
    ours = Path(sys.executable).with_name(Path(program).name)
    assert ours.exists()
    words = [str(unit.with_name(Path(word).name)) if word.startswith("/etc/midonet") else word for word in arguments]
    done = subprocess.run([ours, *words, "--print-config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_is_hardened(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert exposure is not None, done.stderr
    assert float(exposure[1]) <= 3


def test_systemd_accepts_the_units() -> None:
    done = subprocess.run(["systemd-analyze", "verify", *UNITS], capture_output=True, text=True, check=False)
    faults = [line for line in done.stderr.splitlines() if line and "is not executable" not in line]
    assert faults == []


def test_dashboard_uses_existing_metrics(scene: Make) -> None:
    stage = scene()
    daemon = stage.daemon()
    dashboard = json.loads((CLUSTER / "grafana" / "dashboards" / "midonet.json").read_text())
    asked = {name for panel in dashboard["panels"] for name in metrics_of(panel)}
    assert asked
    eventually(lambda: asked <= served(daemon.get("/metrics")[1]), 20)


def metrics_of(panel: Mapping[str, Any]) -> Iterator[str]:
    for target in panel["targets"]:
        yield from re.findall(r"\b(?:midonet|process)_\w+", target["expr"])


def served(text: str) -> set[str]:
    """Return the names under which a page's metrics can be asked for."""
    names: set[str] = set()
    for family in text_string_to_metric_families(text):
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {family.name + end for end in ends}
    return names


def test_prometheus_scrapes_existing_targets(compose: dict[str, Any]) -> None:
    jobs = yaml.safe_load((CLUSTER / "prometheus.yaml").read_text())["scrape_configs"]
    for job in jobs:
        for target in job["static_configs"][0]["targets"]:
            host, _, port = target.partition(":")
            http = services(compose)[host]["environment"]["MIDONET_HTTP"]
            assert http == f"0.0.0.0:{port}", target
