"""Tokens of an OpenID Connect provider: signature, audience, issuer and lifetime are checked; claims give the roles.

Only the listed asymmetric algorithms are accepted. A token with an unknown key id makes the keys be fetched again, at
most once in ten seconds.
"""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import jwt

from midonet.events.access.authorization import Principal
from midonet.events.errors import InvalidValue, Unauthenticated, Unavailable, UsageError
from midonet.events.system.user import roles_of
from midonet.services.api.settings import ApiConfig

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_REFETCH_SECONDS = 10.0
_FETCH_SECONDS = 5.0
_MAX_KEYS = 1024 * 1024
_LEEWAY = 30


class Oidc:
    """Verifies the tokens of one issuer. Thread-safe."""

    def __init__(self, config: ApiConfig) -> None:
        if config.oidc_audience is None or config.oidc_keys is None:
            raise UsageError("services.api: oidc_issuer needs oidc_audience and oidc_keys", setting="services")
        self._config = config
        self._keys_url: str = config.oidc_keys
        self._roles = {value: _roles(value, given) for value, given in config.oidc_roles.items()}
        self._keys: dict[str, Any] = {}
        self._fetched = -_REFETCH_SECONDS
        self._lock = Lock()

    def principal(self, token: str) -> Principal:
        """Return the principal of a token; `Unauthenticated` states why it is invalid."""
        try:
            key = self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._config.oidc_audience,
                issuer=self._config.oidc_issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"invalid token: {str(error)[:1].lower()}{str(error)[1:]}") from None
        name = claims.get(self._config.oidc_user)
        if not isinstance(name, str) or not name or not name.isprintable():
            raise Unauthenticated(f"invalid token: it has no claim {self._config.oidc_user}")
        return Principal(f"oidc:{name[:200]}", self._roles_of_claims(claims))

    def _roles_of_claims(self, claims: Mapping[str, Any]) -> list[str]:
        found: Any = claims
        for part in self._config.oidc_roles_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        values = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        return [role for value in values if isinstance(value, str) for role in self._roles.get(value, ())]

    def _key(self, kid: str) -> Any:
        with self._lock:
            if kid not in self._keys and monotonic() - self._fetched >= _REFETCH_SECONDS:
                self._fetched = monotonic()
                self._keys = self._fetch()
            if kid not in self._keys:
                raise Unauthenticated("invalid token: it is signed with an unknown key")
            return self._keys[kid]

    def _fetch(self) -> dict[str, Any]:
        try:
            found = jwt.PyJWKSet.from_dict(json.loads(self._read()))
        except (OSError, ValueError, AttributeError, TypeError, jwt.PyJWTError) as error:
            raise Unavailable(
                f"the keys of {self._config.oidc_issuer} cannot be read: {type(error).__name__}"
            ) from None
        return {str(key.key_id or ""): key.key for key in found.keys}

    def _read(self) -> bytes:
        if not self._keys_url.startswith(("https://", "http://")):
            return Path(self._keys_url.removeprefix("file://")).read_bytes()
        with urllib.request.urlopen(self._keys_url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - http(s), as checked
            content: bytes = answer.read(_MAX_KEYS)
            return content


def _roles(value: str, given: Any) -> tuple[str, ...]:
    texts = [given] if isinstance(given, str) else given
    try:
        return roles_of(str(text) for text in texts)
    except (InvalidValue, TypeError) as error:
        raise UsageError(f"services.api.oidc_roles: {value}: {error}", setting="services") from None
