"""Encryption of secrets, bound to their names, so that a copy of the store discloses nothing.

The key is a separate file: one Fernet key (AES-128-CBC with HMAC-SHA256, `cryptography` package) per line. The first
one encrypts, all of them decrypt, so a key is rotated by adding a line at the top.
"""

import stat
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from midonet.events.errors import Misconfigured

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Encryption:
    """Encrypts and decrypts with the keys of one file."""

    def __init__(self, keys: list[Fernet], where: str) -> None:
        self._keys = MultiFernet(keys)
        self._where = where

    def encrypt(self, name: str, value: bytes) -> bytes:
        """Return a secret encrypted."""
        return self._keys.encrypt(name.encode() + b"\0" + value)

    def decrypt(self, name: str, sealed: bytes) -> bytes:
        """Return a secret decrypted; `Misconfigured` if it was encrypted with another key, or for another name."""
        try:
            bound, _, value = self._keys.decrypt(sealed).partition(b"\0")
        except InvalidToken:
            bound, value = b"", b""
        if bound != name.encode():
            raise Misconfigured(
                f"the secret {name} in the vault cannot be opened with the key in {self._where}", secret=name
            )
        return value


def new_key() -> str:
    """Return a new random key, as a line of a key file."""
    return Fernet.generate_key().decode()


def read_key_file(path: Path) -> Encryption:
    """Return the keys of a file; `Misconfigured` if it cannot be read, has none, or others may read it."""
    try:
        if path.stat().st_mode & _OTHERS:
            raise Misconfigured(f"{path} may be read by others: chmod 600 {path}", file=str(path))
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise Misconfigured(f"the vault's key {path} cannot be read: {reason}", file=str(path)) from None
    try:
        keys = [Fernet(line) for line in lines]
    except ValueError:
        keys = []
    if not keys:
        raise Misconfigured(f"{path} holds no key; `midoctl secret key` makes one", file=str(path))
    return Encryption(keys, str(path))
