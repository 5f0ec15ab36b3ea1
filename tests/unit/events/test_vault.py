"""The vault: one behaviour in a file and in a database, nothing legible where it lies, and credentials in it."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from midonet.events.errors import InvalidValue, Misconfigured, NotFound, Unavailable, UsageError
from midonet.events.vault.address import open_vault
from midonet.events.vault.credentials import Credentials, own_name
from midonet.events.vault.port import Vault
from midonet.events.vault.sealing import new_key


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A file with a key."""
    file = tmp_path / "key"
    file.write_text(f"{new_key()}\n")
    file.chmod(0o600)
    return file


@pytest.fixture(params=["file://{}/vault", "sqlite:///{}/vault"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a vault is to be."""
    return str(request.param.format(tmp_path))


@pytest.fixture
def vault(url: str, key: Path) -> Iterator[Vault]:
    """A vault that is empty."""
    with closing(open_vault(url, str(key))) as vault:
        yield vault


def test_what_is_put_is_there_until_it_is_deleted(vault: Vault, url: str, key: Path) -> None:
    assert (vault.get("a"), vault.names(), vault.delete("a")) == (None, [], False)
    vault.put("a", b"one")
    vault.put("b/c", b"\x00\xff")
    vault.put("a", b"two")
    with closing(open_vault(url, str(key))) as other:
        assert (other.get("a"), other.get("b/c"), other.names(), other.names("b/")) == (
            b"two",
            b"\x00\xff",
            ["a", "b/c"],
            ["b/c"],
        )
        assert other.delete("a")
    assert vault.get("a") is None


def test_nothing_is_legible_where_it_lies(vault: Vault, tmp_path: Path) -> None:
    vault.put("isp", b"planted secret")
    assert b"planted" not in (tmp_path / "vault").read_bytes()


def test_writers_at_the_same_time_lose_nothing(url: str, key: Path) -> None:
    def write(number: int) -> None:
        with closing(open_vault(url, str(key))) as vault:
            for step in range(10):
                vault.put(f"{number}/{step}", b"x")

    with closing(open_vault(url, str(key))) as vault:
        threads = [Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(vault.names()) == 40


def test_a_key_is_replaced_by_a_line_above_and_another_one_opens_nothing(vault: Vault, url: str, key: Path) -> None:
    vault.put("a", b"old")
    key.write_text(f"{new_key()}\n{key.read_text()}")
    with closing(open_vault(url, str(key))) as both:
        assert both.get("a") == b"old"
        both.put("b", b"new")
    key.write_text(f"{new_key()}\n")
    with closing(open_vault(url, str(key))) as stranger, pytest.raises(Misconfigured, match="cannot be opened"):
        stranger.get("a")


def test_a_sealed_value_is_good_for_its_own_name_alone(key: Path, tmp_path: Path) -> None:
    vault = open_vault(f"file://{tmp_path}/vault", str(key))
    vault.put("a", b"one")
    file = tmp_path / "vault"
    file.write_text(file.read_text().replace('"a"', '"b"'))
    with pytest.raises(Misconfigured):
        vault.get("b")


def test_what_is_wrong_is_said_in_one_line(key: Path, tmp_path: Path) -> None:
    for url, file in [("file:///x", None), ("ftp://x", str(key)), ("", str(key))]:
        with pytest.raises(UsageError):
            open_vault(url, file)
    key.chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        open_vault("file:///x", str(key))
    key.chmod(0o600)
    key.write_text("no key\n")
    with pytest.raises(Misconfigured, match="holds no key"):
        open_vault("file:///x", str(key))
    with pytest.raises(Misconfigured, match="cannot be read"):
        open_vault("file:///x", str(tmp_path / "nothing"))
    key.write_text(new_key())
    (tmp_path / "vault").write_text("[]")
    with pytest.raises(Misconfigured, match="is no vault"):
        open_vault(f"file://{tmp_path}/vault", str(key)).names()
    with pytest.raises(Unavailable):
        open_vault(f"file://{tmp_path}/no/such/folder", str(key)).put("a", b"")
    with pytest.raises(InvalidValue):
        own_name("token/x")


def test_the_file_is_for_its_owner_alone(key: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_vault(f"file://{tmp_path}/vault", str(key)).put("a", b"one")
    finally:
        os.umask(before)
    assert (tmp_path / "vault").stat().st_mode & 0o777 == 0o600


def test_passwords_and_tokens(vault: Vault) -> None:
    credentials = Credentials(vault)
    assert not credentials.has_password("ann", "whatever it is")
    with pytest.raises(InvalidValue, match="8 to 1024"):
        credentials.set_password("ann", "short")
    credentials.set_password("ann", "long enough ✓")
    assert credentials.has_password("ann", "long enough ✓")
    assert not credentials.has_password("ann", "long enough")
    issued = credentials.issue("ann", 60, "ci")
    found = credentials.token(issued.text)
    assert found is not None
    assert (found.user, found.label) == ("ann", "ci")
    assert issued.text.rpartition("_")[2] not in found.digest
    assert credentials.token(issued.text[:-1] + ("A" if issued.text[-1] != "A" else "B")) is None
    assert credentials.token(credentials.issue("ann", 0).text) is None
    assert [token.id for token in credentials.tokens("ann")] == [issued.token.id]
    with pytest.raises(NotFound):
        credentials.revoke(issued.token.id, "bea")
    credentials.forget("ann")
    assert credentials.token(issued.text) is None
    assert vault.names() == []
