"""Shared options: command line over environment over file over default, one name for all."""

from pathlib import Path

import pytest

from midonet.cli.options.options import SETTINGS, Settings
from midonet.events.errors import UsageError


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": str(tmp_path / "data"), "USER": "alice"}


def configure(home: dict[str, str], text: str) -> None:
    path = Path(home["XDG_CONFIG_HOME"]) / "midoctl/config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_defaults_need_no_file(home: dict[str, str]) -> None:
    settings = Settings(home)
    assert settings.get("server") == f"sqlite:///{home['XDG_DATA_HOME']}/midoctl/topology.db"
    assert settings.get("actor").startswith("alice@")
    assert [settings.get(name) for name in ("output", "root", "dry_run", "wait", "reason", "at")] == [
        "table",
        "/midonet",
        False,
        (),
        None,
        None,
    ]
    assert settings.is_default("server")


def test_command_line_precedes_environment_and_file(home: dict[str, str]) -> None:
    configure(home, "actor: file\noutput: yaml\nreason: because\nwait: [nsdb, vtep=5]\n")
    settings = Settings({**home, "MIDOCTL_ACTOR": "environment", "MIDOCTL_OUTPUT": "name"})
    settings.give("actor", "option")
    assert [settings.get(name) for name in ("actor", "output", "reason")] == ["option", "name", "because"]
    assert settings.get("wait") == ("nsdb", "vtep=5")


def test_config_names_the_file(home: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("if_head: 7\ndry_run: true\n")
    settings = Settings({**home, "MIDOCTL_CONFIG": str(path)})
    assert (settings.get("if_head"), settings.get("dry_run")) == (7, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sever: x", "there is no option 'sever'; did you mean server?"),
        ("output: xml", "'xml' is none of table, json, yaml, name"),
        ("output: {a: b}", "expected one value"),
        ("- server", "expected one mapping"),
        ("config: x", "there is no option 'config'"),
        ("server: [a", "midoctl/config.yaml:2:"),
    ],
)
def test_an_invalid_file_is_refused_by_name(home: dict[str, str], text: str, words: str) -> None:
    configure(home, text)
    with pytest.raises(UsageError, match=r"config\.yaml") as caught:
        Settings(home).get("output")
    assert words in str(caught.value)


def test_only_a_named_file_must_exist(home: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.yaml: No such file"):
        Settings({**home, "MIDOCTL_CONFIG": str(tmp_path / "absent.yaml")}).get("output")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("actor", "a\nb"),
        ("actor", "x" * 256),
        ("command_id", "\x1b[31m"),
        ("dry_run", "maybe"),
        ("if_head", "-1"),
        ("if_head", "9" * 5000),
        ("reason", "x" * 5000),
        ("root", "midonet"),
        ("root", "/a//b"),
        ("root", "/"),
    ],
)
def test_an_invalid_value_is_refused_with_its_place(home: dict[str, str], name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"MIDOCTL_{name.upper()}"):
        Settings({**home, f"MIDOCTL_{name.upper()}": text}).get(name)
    assert "x" * 300 not in SETTINGS[name].help


def test_a_relative_xdg_directory_is_ignored() -> None:
    assert Settings({"XDG_DATA_HOME": "here"}).get("server").endswith("/.local/share/midoctl/topology.db")
