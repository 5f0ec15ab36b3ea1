"""Who sends a request. The one place that decides it: whoever adds authentication adds it here.

For now everybody who reaches the port may do everything, and is who they say they are; so the port listens on the
machine itself unless an operator says otherwise.
"""

from msgspec import Struct
from starlette.requests import HTTPConnection

__all__ = ["Caller", "authenticate"]


class Caller(Struct, frozen=True):
    """Whoever sent a request."""

    actor: str
    """Who acts, for the history, where the request does not say."""


def authenticate(request: HTTPConnection) -> Caller:
    """Return who sends a request; to be refused is an error of its own."""
    host = request.client.host if request.client is not None else "unknown"
    return Caller(f"anonymous@{host}")
