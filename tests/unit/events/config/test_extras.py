"""A program that lacks a package names the extra that installs it, in one line."""

from collections.abc import Callable
from importlib import metadata

import pytest

from midonet.agent.main import main as agent
from midonet.cli.framework import runner
from midonet.cli.main import main as midoctl
from midonet.events.config.extras import missing_package, require_extra
from midonet.events.errors import Misconfigured
from midonet.services.main import main as cluster


@pytest.fixture
def uninstalled(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    found = metadata.distribution

    def uninstall(*names: str) -> None:
        def distribution(name: str) -> metadata.Distribution:
            if name in names:
                raise metadata.PackageNotFoundError(name)
            return found(name)

        monkeypatch.setattr(metadata, "distribution", distribution)

    return uninstall


def test_a_complete_extra_is_accepted() -> None:
    require_extra("agent")
    require_extra("cluster")


def test_all_missing_requirements_are_named(uninstalled: Callable[..., None]) -> None:
    uninstalled("ovs", "psutil")
    with pytest.raises(Misconfigured, match=r"ovs, psutil not installed; run: pip install 'midonet\[agent\]'"):
        require_extra("agent")


@pytest.mark.parametrize(
    ("main", "extra", "options"),
    [
        (cluster, "cluster", ["--log", "sqlite:////nowhere/log.db"]),
        (agent, "agent", []),
    ],
)
def test_a_daemon_names_its_extra_in_one_line(
    main: Callable[[list[str]], int],
    extra: str,
    options: list[str],
    uninstalled: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    uninstalled("prometheus-client")
    status = main(["run", "--zookeeper", "127.0.0.1:1", *options])
    assert status == Misconfigured.exit_status
    assert capsys.readouterr().err == (
        f"midonet-{extra}: prometheus-client not installed; run: pip install 'midonet[{extra}]'\n"
    )


def test_midoctl_names_the_extra_of_a_missing_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise ModuleNotFoundError("No module named 'psycopg.pq'", name="psycopg.pq")

    monkeypatch.setattr(runner, "_run", fail)
    assert midoctl(["log"]) == Misconfigured.exit_status
    shown = capsys.readouterr().err
    assert shown == "midoctl: the Python module psycopg is not installed; run: pip install 'midonet[all]'\n"


def test_a_missing_module_of_ours_is_a_bug() -> None:
    assert missing_package(ModuleNotFoundError("No module named 'midonet.x'", name="midonet.x")) is None
