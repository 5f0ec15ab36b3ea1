"""Credentials in a vault: password verifiers and tokens.

    password/<user>    scrypt of the password (RFC 7914), with its salt and its cost
    token/<id>         user of the token, expiry, and the SHA-256 of its secret part

A token is `mn_<id>_<secret>` with 256 random bits, so a plain digest suffices; it is revoked by its id. A password has
less entropy, so its verifier is slow on purpose and never leaves the vault.
"""

import hashlib
import hmac
import re
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import Struct

from midonet.events.errors import InvalidValue, NotFound
from midonet.events.vault.base import Vault, check_secret

HIDDEN = ("password/", "token/")
"""Prefixes of names in the vault that users may not use."""

_N, _R, _P = 2**15, 8, 1
_MEMORY = 64 * 1024 * 1024
_MIN_PASSWORD, _MAX_PASSWORD = 8, 1024
_TOKEN = re.compile(r"mn_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


def own_name(name: str) -> str:
    """Return a name that a user may give a secret; `InvalidValue` if it is none."""
    if name.startswith(HIDDEN):
        raise InvalidValue(f"names of secrets do not begin with {' or '.join(HIDDEN)}", field="name", reason="bad-name")
    return check_secret(name)


class _Verifier(Struct, frozen=True):
    salt: str
    hash: str
    n: int = _N
    r: int = _R
    p: int = _P


class Token(Struct, frozen=True, kw_only=True):
    """A token as stored in the vault; times are seconds since 1970."""

    id: str
    user: str
    digest: str
    created: float
    expires: float
    label: str = ""


class Issued(NamedTuple):
    """A new token with its text, which is not stored."""

    text: str
    token: Token


class Credentials:
    """Passwords and tokens in a vault. Thread-safe."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def set_password(self, user: str, password: str) -> None:
        """Set the password of a user; `InvalidValue` if it is too short."""
        if not _MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
            raise InvalidValue(
                f"a password has {_MIN_PASSWORD} to {_MAX_PASSWORD} characters", field="password", reason="bad-password"
            )
        salt = secrets.token_bytes(16)
        verifier = _Verifier(_text(salt), _text(_scrypt(password, salt, _N, _R, _P)))
        self._vault.put(f"password/{user}", msgspec.json.encode(verifier))

    def has_password(self, user: str, password: str) -> bool:
        """Return whether that is the user's password; takes equally long for a user without one."""
        found = self._vault.get(f"password/{user}")
        verifier = msgspec.json.decode(found, type=_Verifier) if found is not None else _DUMMY
        made = _scrypt(password[: _MAX_PASSWORD + 1], b64decode(verifier.salt), verifier.n, verifier.r, verifier.p)
        return hmac.compare_digest(made, b64decode(verifier.hash)) and found is not None

    def issue(self, user: str, seconds: float, label: str = "") -> Issued:
        """Create a token that is valid for so many seconds."""
        number, secret, now = secrets.token_hex(8), secrets.token_urlsafe(32), time.time()
        token = Token(id=number, user=user, digest=_digest(secret), created=now, expires=now + seconds, label=label)
        self._vault.put(f"token/{number}", msgspec.json.encode(token))
        return Issued(f"mn_{number}_{secret}", token)

    def token(self, text: str) -> Token | None:
        """Return the token of a text if it is valid."""
        parts = _TOKEN.fullmatch(text)
        found = self._vault.get(f"token/{parts[1]}") if parts is not None else None
        if parts is None or found is None:
            return None
        token = msgspec.json.decode(found, type=Token)
        holds = hmac.compare_digest(token.digest, _digest(parts[2])) and token.expires > time.time()
        return token if holds else None

    def tokens(self, user: str | None = None) -> Iterator[Token]:
        """Yield the valid tokens of one user or of all; delete expired ones."""
        for name in self._vault.names("token/"):
            found = self._vault.get(name)
            token = msgspec.json.decode(found, type=Token) if found is not None else None
            if token is not None and token.expires <= time.time():
                self._vault.delete(name)
            elif token is not None and user in (None, token.user):
                yield token

    def revoke(self, token_id: str, user: str | None = None) -> None:
        """Revoke a token; `NotFound` if there is none of that id (of that user)."""
        if not any(token.id == token_id for token in self.tokens(user)):
            raise NotFound(f"there is no token {token_id!r}", token=token_id)
        self._vault.delete(f"token/{token_id}")

    def forget(self, user: str) -> None:
        """Delete a user's password and tokens."""
        self._vault.delete(f"password/{user}")
        for token in list(self.tokens(user)):
            self._vault.delete(f"token/{token.id}")


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    raw = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


_DUMMY = _Verifier(_text(bytes(16)), _text(bytes(32)))
