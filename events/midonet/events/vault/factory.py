"""Opens the vault that a URL names, with its key file; loads only what the URL needs."""

from pathlib import Path

from midonet.events.errors import UsageError
from midonet.events.vault.base import Vault

_FORMS = "file:///FILE, sqlite:///FILE, postgresql+psycopg://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE"


def open_vault(url: str, key: str | None) -> Vault:
    """Open the vault at `url`; `UsageError` for an unknown form of URL or without a key file."""
    scheme, _, path = url.partition("://")
    if scheme not in ("file", "sqlite", "postgresql+psycopg"):
        raise UsageError(f"not the address of a vault; allowed are {_FORMS}", setting="vault")
    if key is None:
        raise UsageError("a vault needs the file with its key (vault_key); `midoctl secret key` makes one")
    from midonet.events.vault.encryption import read_key_file

    encryption = read_key_file(Path(key))
    if scheme == "file":
        from midonet.events.vault.file import FileVault

        return FileVault(Path(path), encryption)
    from midonet.events.vault.sql import SqlVault

    return SqlVault(url, encryption)
