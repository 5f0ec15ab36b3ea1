"""Sign-in with passwords: wrong ones lock out who guesses, not the user elsewhere."""

from base64 import b64encode
from typing import Any, cast

import pytest
from starlette.requests import HTTPConnection

from midonet.events.errors import Throttled, Unauthenticated
from midonet.events.system.user import User
from midonet.events.vault.credentials import Credentials
from midonet.services.api.auth.authentication import Authentication
from midonet.services.api.settings import ApiConfig


class OneUser:
    """Credentials of ann, without the cost of a real password."""

    def has_password(self, user: str, password: str) -> bool:
        """Return whether it is ann's."""
        return (user, password) == ("ann", "right")

    def issue(self, *_: Any) -> str:
        """Return something in place of a token."""
        return "token"


@pytest.fixture
def authentication() -> Authentication:
    return Authentication(ApiConfig(), User, cast("Credentials", OneUser()), required=True)


def request(address: str, user: str, password: str) -> HTTPConnection:
    basic = b"Basic " + b64encode(f"{user}:{password}".encode())
    return HTTPConnection({"type": "http", "headers": [(b"authorization", basic)], "client": (address, 1)})


def guess(authentication: Authentication, times: int, address: str, user: str = "ann") -> None:
    for _ in range(times):
        with pytest.raises(Unauthenticated):
            authentication.sign_in(request(address, user, "wrong"))


def test_guessing_address_does_not_lock_the_user_out(authentication: Authentication) -> None:
    guess(authentication, 10, "192.0.2.1")
    with pytest.raises(Throttled):
        authentication.sign_in(request("192.0.2.1", "ann", "right"))
    assert authentication.sign_in(request("192.0.2.2", "ann", "right"))


def test_address_that_tries_many_users_is_locked_out(authentication: Authentication) -> None:
    for number in range(50):
        guess(authentication, 1, "192.0.2.1", f"user{number}")
    with pytest.raises(Throttled):
        authentication.sign_in(request("192.0.2.1", "ann", "right"))


def test_many_guessing_addresses_are_bounded_together(authentication: Authentication) -> None:
    for number in range(20):
        guess(authentication, 10, f"192.0.2.{number}")
    with pytest.raises(Throttled):
        authentication.sign_in(request("198.51.100.1", "ann", "right"))
