"""The member list of an embedded ensemble, and the jars of the server."""

import os
from pathlib import Path

import pytest

from midonet.events.errors import Misconfigured, Unavailable, UsageError
from midonet.services.settings import Settings, effective
from midonet.services.zookeeper.jars import find_jars
from midonet.services.zookeeper.server import last_error
from midonet.services.zookeeper.tls import Keys, Protection
from midonet.services.zookeeper_members import (
    client_hosts,
    configuration,
    members_of,
    numbers_in,
    parse_members,
    with_clients_at,
)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("n1", "n1:2181:2888:3888"),
        ("n1, n2:2182", "n1:2181:2888:3888,n2:2182:2888:3888"),
        ("n1:1:2:3", "n1:1:2:3"),
    ],
)
def test_missing_ports_are_zookeeper_defaults(text: str, full: str) -> None:
    assert parse_members(text) == full


@pytest.mark.parametrize("text", ["", ":1", "n1:1:2:3:4", "n1:x", "n1:70000", "n1,,n2"])
def test_invalid_member_lists_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        parse_members(text)


def test_members_are_numbered_in_order() -> None:
    members = members_of(parse_members("n1,n2:1:2:3"))
    lines = [Protection().line(member) for member in members]
    assert lines == ["server.1=n1:2888:3888:participant;n1:2181", "server.2=n2:2:3:participant;n2:1"]
    assert client_hosts(members) == "n1:2181,n2:1"
    assert numbers_in("\n".join(lines) + "\nversion=0") == {1, 2}
    keys = Keys("ca", "cert", None)
    moved = with_clients_at("\n".join([*lines, "version=0"]), {2: Protection(keys, keys).clients_at(members[1])})
    assert moved.splitlines() == [lines[0], "server.2=n2:2:3:participant;127.0.0.2:0", "version=0"]
    assert "dynamicConfigFile=/d/members\n" in configuration(Path("/d/data"), Path("/d/members"))


def settings(**given: object) -> Settings:
    return effective(Settings(log="sqlite:////x", **{"zookeeper": "embedded", **given}))  # type: ignore[arg-type]


def test_daemon_connects_to_the_members() -> None:
    alone = settings()
    assert (alone.zookeeper, alone.zookeeper_member) == ("127.0.0.1:2181", 1)
    second = settings(zookeeper_members="n1:1:2:3,n2:4:5:6", zookeeper_member=2)
    assert (second.zookeeper, second.zookeeper_member) == ("n1:1,n2:4", 2)
    with pytest.raises(UsageError, match="--zookeeper-member is required"):
        settings(zookeeper_members="n1:1:2:3,n2:4:5:6")


def program(folder: Path, text: str) -> dict[str, str]:
    """Put a program `mvn` on the PATH of an environment."""
    (folder / "mvn").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "mvn").chmod(0o755)
    return {"XDG_CACHE_HOME": str(folder / "cache")}


def test_named_folder_must_contain_the_jars(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no jars of ZooKeeper"):
        find_jars(str(tmp_path), {})
    (tmp_path / "zookeeper").mkdir()
    (tmp_path / "zookeeper" / "zookeeper-9.jar").touch()
    assert find_jars(None, {"MIDONET_JARS": str(tmp_path)}) == tmp_path / "zookeeper"
    assert find_jars(str(tmp_path / "zookeeper"), {"MIDONET_JARS": "/nowhere"}) == tmp_path / "zookeeper"


def test_jars_of_maven_are_cached_when_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    into = 'for word; do case $word in -DoutputDirectory=*) into=${word#*=};; esac; done; mkdir -p "$into"'
    broken = program(tmp_path, f'{into}; touch "$into/zookeeper-1.jar"; echo "no such artifact"; exit 1')
    with pytest.raises(Unavailable, match="no such artifact"):
        find_jars(None, broken)
    assert list((tmp_path / "cache" / "midonet" / "jars").iterdir()) == []
    whole = program(tmp_path, f'{into}; touch "$into/zookeeper-1.jar"')
    folder = find_jars(None, whole)
    assert [each.name for each in folder.iterdir()] == ["zookeeper-1.jar"]
    program(tmp_path, "exit 1")
    assert find_jars(None, whole) == folder, "it is fetched once"


def test_missing_maven_is_an_error_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="--zookeeper-jars"):
        find_jars(None, {"XDG_CACHE_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("ERROR a.B - Unexpected\njava.net.BindException: Address already in use\n\tat x\nx ERROR exiting", "Address"),
        ("java.io.IOException: first\nCaused by: java.io.EOFException: second\n", "second"),
        ("12:00 [main] ERROR a.B - Invalid config\n", "a.B - Invalid config"),
        ("", "no error in its log"),
    ],
)
def test_last_error_of_the_server_is_one_line(log: str, reason: str) -> None:
    found = last_error(log)
    assert found.startswith(reason)
    assert "\n" not in found
