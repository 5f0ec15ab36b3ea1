"""Authentication by token, OpenID Connect token, client certificate, or password.

A password is accepted only for signing in. A user has the roles that the log states at that moment: disabling a user or
revoking a token takes effect with the next request, on every node.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Any

from starlette.requests import HTTPConnection

from midonet.events.access.authorization import Principal
from midonet.events.errors import Throttled, Unauthenticated
from midonet.events.system.user import User
from midonet.events.vault.credentials import Credentials, Issued
from midonet.services.api.auth.caller import Caller
from midonet.services.api.server.uvicorn_connection import certificate_of
from midonet.services.api.settings import ApiConfig

_MAX_FAILURES = {"user and address": 10, "address": 50, "user": 200}
"""Wrong passwords in a window after which sign-in waits. An address that guesses must not lock its victim out
elsewhere, so the limit of a user from all addresses is far higher."""
_WINDOW = 60.0
_NAMES = 10_000
_Key = tuple[str, str]
"""What is limited, and its value."""
_WRONG = "wrong user or password"


class Authentication:
    """Authenticates the requests of one node. Thread-safe; it reads the vault, so never call it on the event loop."""

    def __init__(
        self, config: ApiConfig, find: Callable[[str], User | None], credentials: Credentials | None, *, required: bool
    ) -> None:
        self.required = required
        """Whether requests must be authenticated."""
        self.credentials = credentials
        self._config = config
        self._find = find
        self._failures: dict[_Key, list[float]] = {}
        self._lock = Lock()
        self._hashing = BoundedSemaphore(2)
        self._oidc: Any = None
        if required and config.oidc_issuer is not None:
            from midonet.services.api.auth.oidc import Oidc

            self._oidc = Oidc(config)

    def caller(self, request: HTTPConnection) -> Caller:
        """Return the caller of a request; `Unauthenticated` without a valid proof."""
        if not self.required:
            return Caller(f"anonymous@{_host(request)}")
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(text.strip())
        names = certificate_names(certificate_of(request))
        if not scheme and names:
            return self._by_certificate(names)
        raise Unauthenticated(
            "authentication required: sign in (`midoctl login`), or send a token as `Authorization: Bearer …`"
        )

    def sign_in(self, request: HTTPConnection) -> Issued:
        """Return a new token for a user and password, `Authorization: Basic …`."""
        user, password = _basic(request)
        host = _host(request)
        keys = (("user and address", f"{user} {host}"), ("address", host), ("user", user))
        self._throttle(keys)
        if self.credentials is None:
            raise Unauthenticated("password sign-in is not available: this node has no vault")
        with self._hashing:
            right = self.credentials.has_password(user, password)
        if not right or self._user(user) is None:
            self._failed(keys)
            raise Unauthenticated(_WRONG)
        return self.credentials.issue(user, self._config.token_seconds, "sign-in")

    def _by_token(self, text: str) -> Caller:
        token = self.credentials.token(text) if self.credentials is not None else None
        if token is not None:
            user = self._user(token.user)
            if user is None:
                raise Unauthenticated("invalid token: its user is deleted or disabled")
            return Caller(user.name, Principal(user.name, user.roles), token.id, is_log_user=True)
        if self._oidc is not None and text.count(".") == 2:  # noqa: PLR2004 - the parts of a signed JWT
            principal = self._oidc.principal(text)
            return Caller(principal.name, principal)
        raise Unauthenticated("invalid, expired or revoked token")

    def _by_certificate(self, names: Sequence[str]) -> Caller:
        for name in names:
            if (user := self._user(name)) is not None:
                return Caller(user.name, Principal(user.name, user.roles), is_log_user=True)
        raise Unauthenticated(f"invalid certificate: there is no user {' or '.join(names)}")

    def _user(self, name: str) -> User | None:
        user = self._find(name)
        return user if user is not None and not user.disabled else None

    def _throttle(self, keys: Sequence[_Key]) -> None:
        now = monotonic()
        with self._lock:
            for key in keys:
                recent = [then for then in self._failures.get(key, ()) if now - then < _WINDOW]
                if len(recent) >= _MAX_FAILURES[key[0]]:
                    wait = round(_WINDOW - (now - recent[0])) + 1
                    raise Throttled(f"too many wrong passwords; try again in {wait} s", seconds=wait)

    def _failed(self, keys: Sequence[_Key]) -> None:
        now = monotonic()
        with self._lock:
            if len(self._failures) > _NAMES:
                self._failures = {key: times for key, times in self._failures.items() if now - times[-1] < _WINDOW}
            for key in keys:
                self._failures[key] = [*self._failures.get(key, ())[-_MAX_FAILURES[key[0]] :], now]


def certificate_names(certificate: Mapping[str, Any] | None) -> list[str]:
    """Return the names of a client certificate: its subjectAltName, then its common name."""
    if not certificate:
        return []
    others = [text for _, text in certificate.get("subjectAltName", ())]
    common = [text for part in certificate.get("subject", ()) for name, text in part if name == "commonName"]
    return [*others, *common]


def _basic(request: HTTPConnection) -> tuple[str, str]:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        user, colon, password = b64decode(text.strip(), validate=True).decode().partition(":")
    except ValueError:
        user = colon = password = ""
    if not colon or scheme.lower() != "basic":
        raise Unauthenticated("sign in with user and password, as `Authorization: Basic …`")
    return user, password


def _host(request: HTTPConnection) -> str:
    return request.client.host if request.client is not None else "unknown"
