"""Tokens of `login`: one for each user of an address."""

from pathlib import Path

import pytest

from midonet.cli.options.options import Settings
from midonet.cli.session.credentials import delete_token, store_token, use_credentials
from midonet.events import api_client
from midonet.events.api_client import Access, ApiClient

URL = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the credentials after the test."""
    monkeypatch.setattr(api_client, "_access", lambda _: Access())


def token(settings: Settings, url: str = URL) -> str | None:
    use_credentials(settings)
    found: Access = ApiClient(url)._access  # noqa: SLF001 - what it would send
    return found.token


def as_user(tmp_path: Path, user: str = "") -> Settings:
    return Settings({"XDG_CONFIG_HOME": str(tmp_path), "MIDOCTL_USER": user})


def test_user_chooses_among_the_tokens_of_an_address(tmp_path: Path) -> None:
    for user in ("ann", "bob"):
        store_token(as_user(tmp_path), URL, user, f"token-of-{user}")
    assert token(as_user(tmp_path)) == "token-of-bob", "the last one that signed in"
    assert token(as_user(tmp_path, "ann")) == "token-of-ann"
    assert token(as_user(tmp_path, "eve")) is None
    assert token(as_user(tmp_path, "ann"), "http://127.0.0.1:2") is None


def test_signing_out_deletes_the_token_of_the_user(tmp_path: Path) -> None:
    for user in ("ann", "bob"):
        store_token(as_user(tmp_path), URL, user, f"token-of-{user}")
    delete_token(as_user(tmp_path), URL)
    assert [token(as_user(tmp_path, user)) for user in ("", "ann", "bob")] == [None, "token-of-ann", None]
