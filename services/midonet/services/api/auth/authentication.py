"""Who sends a request: by a token of ours, by one of an identity provider, by a certificate, or by a password.

A password counts only where one signs in. Whoever is recognised has the roles that the log gives them at that moment:
to disable a user, or to take back a token, counts from the next request on, on every node.
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

_FAILURES = 10
_WINDOW = 60.0
_NAMES = 10_000
_WRONG = "the user or the password is wrong"


class Authentication:
    """Recognises callers on one node. Any thread may ask; it may read the vault, so none that must not wait."""

    def __init__(
        self, config: ApiConfig, find: Callable[[str], User | None], credentials: Credentials | None, *, required: bool
    ) -> None:
        self.required = required
        """Whether anybody is asked at all."""
        self.credentials = credentials
        self._config = config
        self._find = find
        self._failures: dict[str, list[float]] = {}
        self._lock = Lock()
        self._hashing = BoundedSemaphore(2)
        self._oidc: Any = None
        if required and config.oidc_issuer is not None:
            from midonet.services.api.auth.oidc import Oidc

            self._oidc = Oidc(config)

    def caller(self, request: HTTPConnection) -> Caller:
        """Return who sends a request; `Unauthenticated` if nobody knows."""
        if not self.required:
            return Caller(f"anonymous@{_host(request)}")
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(text.strip())
        names = certificate_names(certificate_of(request))
        if not scheme and names:
            return self._by_certificate(names)
        raise Unauthenticated(
            "say who you are: sign in (`midoctl login`), or send a token as `Authorization: Bearer …`"
        )

    def sign_in(self, request: HTTPConnection) -> Issued:
        """Return a new token for a user and password, `Authorization: Basic …`."""
        user, password = _basic(request)
        keys = (f"user {user}", f"address {_host(request)}")
        self._throttle(keys)
        if self.credentials is None:
            raise Unauthenticated("nobody signs in with a password here: this node has no vault")
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
                raise Unauthenticated("the token does not count: its user is gone or disabled")
            return Caller(user.name, Principal(user.name, user.roles), token.id, is_log_user=True)
        if self._oidc is not None and text.count(".") == 2:  # noqa: PLR2004 - the parts of a signed JWT
            principal = self._oidc.principal(text)
            return Caller(principal.name, principal)
        raise Unauthenticated("the token does not count: it is none of ours, has expired or was taken back")

    def _by_certificate(self, names: Sequence[str]) -> Caller:
        for name in names:
            if (user := self._user(name)) is not None:
                return Caller(user.name, Principal(user.name, user.roles), is_log_user=True)
        raise Unauthenticated(f"the certificate does not count: there is no user {' or '.join(names)}")

    def _user(self, name: str) -> User | None:
        user = self._find(name)
        return user if user is not None and not user.disabled else None

    def _throttle(self, keys: Sequence[str]) -> None:
        now = monotonic()
        with self._lock:
            for key in keys:
                recent = [then for then in self._failures.get(key, ()) if now - then < _WINDOW]
                if len(recent) >= _FAILURES:
                    wait = round(_WINDOW - (now - recent[0])) + 1
                    raise Throttled(f"too many wrong passwords; try again in {wait} s", seconds=wait)

    def _failed(self, keys: Sequence[str]) -> None:
        now = monotonic()
        with self._lock:
            if len(self._failures) > _NAMES:
                self._failures = {key: times for key, times in self._failures.items() if now - times[-1] < _WINDOW}
            for key in keys:
                self._failures[key] = [*self._failures.get(key, ())[-_FAILURES:], now]


def certificate_names(certificate: Mapping[str, Any] | None) -> list[str]:
    """Return the names that a client's certificate gives: those of its subjectAltName, or else its common name."""
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
