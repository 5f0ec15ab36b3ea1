"""A vault and its key as files: for their owner alone, each value for its own name, and what is wrong with them."""

from pathlib import Path

import pytest

from midonet.events.errors import InvalidValue, Misconfigured, Unavailable, UsageError
from midonet.events.vault.credentials import own_name
from midonet.events.vault.encryption import new_key
from midonet.events.vault.factory import open_vault


def test_a_sealed_value_is_good_for_its_own_name_alone(key: Path, tmp_path: Path) -> None:
    vault = open_vault(f"file://{tmp_path}/vault", str(key))
    vault.put("a", b"one")
    file = tmp_path / "vault"
    file.write_text(file.read_text().replace('"a"', '"b"'))
    with pytest.raises(Misconfigured):
        vault.get("b")


def test_error_is_one_line(key: Path, tmp_path: Path) -> None:
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
    with pytest.raises(Misconfigured, match="is not a vault"):
        open_vault(f"file://{tmp_path}/vault", str(key)).names()
    with pytest.raises(Unavailable):
        open_vault(f"file://{tmp_path}/no/such/folder", str(key)).put("a", b"")
    with pytest.raises(InvalidValue):
        own_name("token/x")
