"""Contexts: which apply, what they set, and `midoctl config`."""

import json
from pathlib import Path

import pytest

from midonet.cli.framework.runner import run
from midonet.cli.main import root
from midonet.cli.options.options import Settings
from midonet.cli.session.invocation import Invocation
from midonet.events.errors import UsageError

FILE = """
tenant: everywhere
contexts:
  lab: {server: 'http://lab:1', tenant: acme, zookeeper: 'zk1:2181', token_file: /lab.token}
  bare: {server: 'http://bare:1'}
current_context: lab
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "midoctl").mkdir()
    return tmp_path / "midoctl/config.yaml"


@pytest.fixture
def environ(path: Path) -> dict[str, str]:
    path.write_text(FILE)
    return {"XDG_CONFIG_HOME": str(path.parent.parent), "HOME": str(path.parent)}


def values(settings: Settings, *names: str) -> list[object]:
    return [settings.get(name) for name in names or ("server", "tenant", "zookeeper", "token_file")]


def test_the_current_context_precedes_the_file(environ: dict[str, str]) -> None:
    settings = Settings(environ)
    assert values(settings) == ["http://lab:1", "acme", "zk1:2181", "/lab.token"]
    assert not settings.is_default("server")


def test_environment_and_options_precede_a_context(environ: dict[str, str]) -> None:
    settings = Settings({**environ, "MIDOCTL_TENANT": "environment", "MIDOCTL_ZOOKEEPER": "zk2:2181"})
    settings.give("zookeeper", "zk3:2181")
    assert values(settings, "tenant", "zookeeper") == ["environment", "zk3:2181"]


def test_a_context_is_chosen_for_one_command(environ: dict[str, str]) -> None:
    settings = Settings({**environ, "MIDOCTL_CONTEXT": "bare"})
    assert values(settings) == ["http://bare:1", "everywhere", None, None]
    settings.give("context", "")
    assert values(settings, "zookeeper") == [None]


@pytest.mark.parametrize("by_option", [True, False])
def test_another_log_leaves_the_current_context(environ: dict[str, str], *, by_option: bool) -> None:
    settings = Settings(environ if by_option else {**environ, "MIDOCTL_SERVER": "http://other:1"})
    if by_option:
        settings.give("server", "http://other:1")
    assert values(settings) == ["http://other:1", "everywhere", None, None]
    settings.give("context", "lab")
    assert values(settings, "server", "token_file") == ["http://other:1", "/lab.token"]


def test_a_named_context_applies_to_another_address(environ: dict[str, str]) -> None:
    settings = Settings(environ)
    settings.give("context", "lab")
    settings.give("server", "http://node2:1")
    assert values(settings) == ["http://node2:1", "acme", "zk1:2181", "/lab.token"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("labs", "--context: there is no context 'labs'; did you mean lab?"),
        ("other", "--context: there is no context 'other'; there are lab, bare"),
        ("a b", "--context: 'a b' is no name of a context"),
    ],
)
def test_an_unknown_context_is_refused(environ: dict[str, str], given: str, words: str) -> None:
    settings = Settings(environ)
    settings.give("context", given)
    with pytest.raises(UsageError) as caught:
        values(settings, "context", "server")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "contexts: [a]",
        "contexts: {a: b}",
        "contexts: {a: {colour: b}}",
        "contexts: {a/b: {}}",
        "contexts: {a: {wait: b}}",
    ],
)
def test_invalid_contexts_are_refused_by_file(environ: dict[str, str], path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(UsageError, match=r"config\.yaml: "):
        Settings(environ).get("server")


def config(environ: dict[str, str], *words: str) -> int:
    return run(root, ["config", *words], Invocation(Settings(environ)))


def test_a_new_file_is_private(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "new")}
    assert config(environ, "set-context", "lab", "--server", "http://lab:1", "--tenant", "acme") == 0
    file = tmp_path / "new/midoctl/config.yaml"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert config(environ, "current-context") == 0
    assert capfd.readouterr().out.endswith("lab\n")


def test_contexts_are_made_chosen_and_deleted(environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    assert config(environ, "set-context", "new", "--server", "sqlite:///x.db", "--tenant", "t") == 0
    assert config(environ, "use-context", "new") == 0
    assert config(environ, "set-context", "new", "--tenant", "") == 0
    assert config(environ, "delete-context", "bare") == 0
    capfd.readouterr()
    assert config(environ, "get-contexts", "-o", "json") == 0
    lab, new = json.loads(capfd.readouterr().out)
    assert (lab["name"], lab["current"]) == ("lab", False)
    assert new == {"name": "new", "current": True, "server": f"sqlite:///{Path.cwd()}/x.db"}


@pytest.mark.parametrize(
    "words",
    [
        ("use-context", "absent"),
        ("delete-context", "absent"),
        ("set-context", "a/b", "--server", "http://x:1"),
        ("set-context", "empty"),
        ("set-context", "lab", "--server", "htp://x"),
        ("set-context", "lab", "--server", "postgresql+psycopg://ann:secret@db/midonet"),
        ("set-context", "lab", "--zookeeper", "zk1:2181:3"),
        ("set-context", "lab", "--token-file", "/absent"),
    ],
)
def test_a_refused_change_leaves_the_file(
    environ: dict[str, str], path: Path, words: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert config(environ, *words) == 2
    assert path.read_text() == FILE
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "secret" not in err


def test_view_hides_secrets(environ: dict[str, str], path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path.write_text("contexts: {db: {server: 'postgresql+psycopg://ann:secret@db/midonet'}}")
    assert config(environ, "view") == 0
    assert "secret" not in (shown := capfd.readouterr().out)
    assert "ann:***@db" in shown
