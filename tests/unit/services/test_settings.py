"""Settings as options, variables and keys: precedence, validation and errors."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from midonet.events.config.settings import declared_settings, load, read_file, render, split_host_port
from midonet.events.errors import UsageError
from midonet.events.redaction import redact
from midonet.services.settings import Settings

NEEDED: dict[str, str | None] = {"log": "sqlite:////tmp/log.db", "zookeeper": "127.0.0.1:2181"}


def settings(
    flags: dict[str, str | None] | None = None,
    environ: dict[str, str] | None = None,
    file: dict[str, Any] | None = None,
) -> Settings:
    return load(Settings, flags={**NEEDED, **(flags or {})}, environ=environ or {}, file=file)


def refusal(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(UsageError) as caught:
        settings(*args, **kwargs)
    return caught.value.message


def test_two_settings_are_required() -> None:
    assert settings() == Settings(log="sqlite:////tmp/log.db", zookeeper="127.0.0.1:2181")


@pytest.mark.parametrize("place", ["flag", "variable", "file"])
def test_missing_setting_is_named_with_option_and_variable(place: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(Settings, flags={}, environ={})
    assert {"flag": "--log", "variable": "MIDONET_LOG", "file": "log in"}[place] in caught.value.message


def test_flag_before_variable_before_file_before_default() -> None:
    environ, file = {"MIDONET_MAX_LAG": "20"}, {"max_lag": 10}
    assert settings({"max_lag": "40"}, environ, file).max_lag == 40
    assert settings({"max_lag": None}, environ, file).max_lag == 20
    assert settings({}, {"MIDONET_MAX_LAG": ""}, file).max_lag == 10
    assert settings({}, {}, {"max_lag": None}).max_lag == 30


def test_every_setting_has_the_same_name_everywhere() -> None:
    for setting in declared_settings(Settings):
        assert setting.flag.removeprefix("--").replace("-", "_") == setting.name
        assert setting.variable == f"MIDONET_{setting.name.upper()}"
        assert setting.help


def test_an_unknown_key_is_named_with_the_known_ones() -> None:
    message = refusal(file={"zookeepers": "127.0.0.1:2181"})
    assert "'zookeepers'" in message
    assert all(setting.name in message for setting in declared_settings(Settings))


def test_unrelated_variables_are_ignored() -> None:
    assert settings(environ={"MIDONET_SERVICE_HOST": "10.0.0.1", "MIDONET_HOST_ID": "x"}) == settings()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("http", "8181", "'8181' is not HOST:PORT"),
        ("http", "127.0.0.1:65536", "'127.0.0.1:65536' is not HOST:PORT"),
        ("http", "::1:80", "'::1:80': write an IPv6 address in brackets, [ADDRESS]:PORT"),
        ("history", "mysql://db/x", "the address of a history index is sqlite:///FILE or postgresql+psycopg://…"),
        ("zookeeper", "a:1,b", "'b' is not HOST:PORT"),
        ("root", "midonet", "'midonet' is not an absolute path such as /midonet"),
        ("root", "/", "'/' is not an absolute path such as /midonet"),
        ("root", "/a//b", "'/a//b' is not an absolute path such as /midonet"),
        ("log_level", "loud", "one of debug, info, warning, error is needed"),
        ("cors_origins", "ui.example", "'ui.example' is not an origin such as https://ui.example.org"),
        ("max_lag", "soon", "expected a number, got text"),
        ("max_lag", "nan", "expected a number of 0.1 or more"),
        ("reconcile_interval", "0", "expected a number of 0.1 or more"),
        ("reconcile_interval", "inf", "expected a number of 86400.0 or less"),
    ],
)
def test_invalid_value_is_rejected_with_its_source(name: str, value: str, reason: str) -> None:
    flag, variable = "--" + name.replace("_", "-"), f"MIDONET_{name.upper()}"
    if name not in NEEDED:
        assert refusal(environ={variable: value}) == f"{variable}: {reason}"
        assert refusal(file={name: value}) == f"configuration file: {name}: {reason}"
    assert refusal({name: value}) == f"{flag}: {reason}"


def test_values_are_normalized() -> None:
    assert settings({"zookeeper": " a:1 , b:2", "root": "/midonet/", "http": "[::1]:0"}) == settings(
        {"zookeeper": "a:1,b:2", "root": "/midonet", "http": "[::1]:0"}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("localhost:80", ("localhost", 80)), ("[fe80::1]:0", ("fe80::1", 0)), ("10.0.0.1:1", ("10.0.0.1", 1))],
)
def test_addresses_are_parsed(text: str, expected: tuple[str, int]) -> None:
    assert split_host_port(text) == expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://mn:secret@db:5432/mn", "postgresql+psycopg://mn:***@db:5432/mn"),
        ("postgresql+psycopg://mn:s/e@c:r@db/mn", "postgresql+psycopg://mn:***@db/mn"),
        ("postgresql+psycopg://mn@db/mn", "postgresql+psycopg://mn@db/mn"),
        ("sqlite:////tmp/a@b.db", "sqlite:////tmp/a@b.db"),
        ("kafka://a:1,b:2/topic", "kafka://a:1,b:2/topic"),
    ],
)
def test_passwords_are_hidden(url: str, shown: str) -> None:
    assert redact(url) == shown
    assert yaml.safe_load(render(settings({"log": url})))["log"] == shown


def test_printed_settings_are_a_configuration_file() -> None:
    printed = yaml.safe_load(render(settings({"max_lag": "5"})))
    assert load(Settings, flags={}, environ={}, file=printed) == settings({"max_lag": "5"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"- log", "must hold settings as `key: value`"),
        (b"log", "must hold settings as `key: value`"),
        (b"log: [", "is not YAML"),
        (b"log: \xff", "is not YAML"),
        (b"!!python/object:os.system {}", "is not YAML"),
    ],
)
def test_invalid_configuration_is_rejected_in_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=reason) as caught:
        read_file(file)
    assert "\n" not in caught.value.message


def test_unreadable_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_file(tmp_path / "absent.yaml")
    with pytest.raises(UsageError, match="Is a directory"):
        read_file(tmp_path)


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_bytes(b"# nothing yet\n")
    assert read_file(file) == {}
