"""One behaviour of vaults in a file, in SQLite and in PostgreSQL, and of passwords and tokens that are kept in them."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from midonet.events.errors import InvalidValue, Misconfigured, NotFound, Unavailable
from midonet.events.vault.base import Vault
from midonet.events.vault.credentials import Credentials
from midonet.events.vault.encryption import new_key
from midonet.events.vault.factory import open_vault
from midonet.testbed import Postgres


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a vault is to be."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"{request.param}:///{tmp_path}/vault"


@pytest.fixture
def vault(url: str, key: Path) -> Iterator[Vault]:
    """A vault that is empty."""
    with closing(open_vault(url, str(key))) as vault:
        yield vault


def test_value_is_stored_until_deleted(vault: Vault, url: str, key: Path) -> None:
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


def test_impossible_name_is_not_found(vault: Vault) -> None:
    """Users choose what they call themselves when they sign in."""
    for name in ("password/a\0b", "password/" + "x" * 10_000, "password/\ud800", "password/'; drop table secrets; --"):
        assert vault.get(name) is None
    assert not Credentials(vault).has_password("a\0b", "whatever it is")
    vault.put("a", b"one")
    assert vault.names() == ["a"]


def test_stored_secrets_are_encrypted(vault: Vault, url: str, tmp_path: Path) -> None:
    vault.put("isp", b"planted secret")
    if url.startswith("postgresql"):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as database:
            told = b"".join(bytes(row.sealed) for row in database.execute(sa.text("select sealed from secrets")))
    else:
        told = (tmp_path / "vault").read_bytes()
    assert told
    assert b"planted" not in told


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


def test_writers_of_the_same_name_at_the_same_time_all_succeed(url: str, key: Path) -> None:
    def write(number: int) -> None:
        begin.wait(20)
        with closing(open_vault(url, str(key))) as vault:  # the place has to be made as well
            for step in range(10):
                vault.put("one", f"{number} {step}".encode())

    begin = Barrier(4)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    with closing(open_vault(url, str(key))) as vault:
        assert (vault.names(), (vault.get("one") or b"")[-2:]) == (["one"], b" 9")


def test_a_key_is_replaced_by_a_line_above_and_another_one_opens_nothing(vault: Vault, url: str, key: Path) -> None:
    vault.put("a", b"old")
    key.write_text(f"{new_key()}\n{key.read_text()}")
    with closing(open_vault(url, str(key))) as both:
        assert both.get("a") == b"old"
        both.put("b", b"new")
    key.write_text(f"{new_key()}\n")
    with closing(open_vault(url, str(key))) as other_key, pytest.raises(Misconfigured, match="cannot be opened"):
        other_key.get("a")


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


def test_a_file_is_for_its_owner_alone(url: str, key: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(open_vault(url, str(key))) as vault:
            vault.put("a", b"one")
    finally:
        os.umask(before)
    assert [file.name for file in tmp_path.glob("vault*") if file.stat().st_mode & 0o077] == []


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of this test's own."""
    with Postgres() as server:
        yield server


def test_unreachable_server_is_reported_until_it_returns(server: Postgres, key: Path) -> None:
    url = server.create_database().replace("postgres@", "postgres:planted-db-pass@")
    with closing(open_vault(url, str(key))) as vault:
        vault.put("a", b"one")
        server.stop()
        calls: list[Callable[[], object]] = [
            lambda: vault.get("a"),
            lambda: vault.put("a", b"two"),
            lambda: open_vault(url, str(key)),
        ]
        for call in calls:
            with pytest.raises(Unavailable) as raised:
                call()
            assert "planted" not in str(raised.value)
        server.start()
        assert vault.get("a") == b"one"
