"""Errors over HTTP: the project's error tree as problem details (RFC 9457), with one table of statuses.

`code` is what programs go by, `detail` is for people, `details` holds the values behind it. A body that could not be
understood is the client's mistake and never a 500.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from midonet.events import errors
from midonet.events.commit import canonical
from midonet.events.config.settings import redact

CONTENT_TYPE = "application/problem+json"

STATUSES: Mapping[type[errors.MidonetError], HTTPStatus] = {
    errors.UsageError: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.InUse: HTTPStatus.CONFLICT,
    errors.AmbiguousRef: HTTPStatus.CONFLICT,
    errors.HeadMoved: HTTPStatus.PRECONDITION_FAILED,
    errors.ObjectChanged: HTTPStatus.PRECONDITION_FAILED,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.InvalidValue: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Denied: HTTPStatus.FORBIDDEN,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Throttled: HTTPStatus.TOO_MANY_REQUESTS,
    errors.CommandIdReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Rejected: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.VerificationFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Misconfigured: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TimedOut: HTTPStatus.GATEWAY_TIMEOUT,
    errors.MidonetError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""What a class of errors is over HTTP; a class that is not named is what its base is."""

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "description": "urn:midonet:error:<code>"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "One of the stable words of the error tree."},
        "detail": {"type": "string", "description": "What, where, and what to do; for people."},
        "details": {"type": "object", "description": "The values behind it, `reason` among them where there is one."},
    },
    "required": ["type", "title", "status", "code", "detail", "details"],
}


def status_of(error: errors.MidonetError | type[errors.MidonetError]) -> HTTPStatus:
    """Return the status that an error is answered with."""
    kind = error if isinstance(error, type) else type(error)
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


def encode(error: errors.MidonetError, status: HTTPStatus | None = None) -> bytes:
    """Return the body of an answer that tells of an error."""
    status = status or status_of(error)
    return canonical(
        {
            "type": f"urn:midonet:error:{error.code}",
            "title": status.phrase,
            "status": status.value,
            "code": error.code,
            "detail": redact(error.message),
            "details": {name: _plain(value) for name, value in error.details.items()},
        }
    )


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: what a client sent comes back as text if it is anything strange."""
    try:
        canonical(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return str(value).encode("utf-8", "backslashreplace").decode()
    return redact(value)
