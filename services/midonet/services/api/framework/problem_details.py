"""Errors as problem details (RFC 9457), with one table of HTTP statuses.

`code` is for programs, `detail` for people; `details` has the values. Long texts and values are cut.
"""

from collections.abc import Mapping
from http import HTTPStatus
from itertools import accumulate
from typing import Any

from midonet.events import errors
from midonet.events.commit import canonical
from midonet.events.redaction import redact

CONTENT_TYPE = "application/problem+json"

_MAX_TEXT = 4_000
"""Longest text in characters that an error echoes."""
_MAX_VALUE = 16 * 1024
"""Longest value in `details`, in bytes of JSON; of a longer list the first items are kept."""

STATUSES: Mapping[type[errors.MidonetError], HTTPStatus] = {
    errors.UsageError: HTTPStatus.BAD_REQUEST,
    errors.UnsupportedContentType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
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
"""HTTP status by class of errors; a class that is missing here has the status of its base."""

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "properties": {
        "type": {"type": "string", "description": "urn:midonet:error:<code>"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable code of the error."},
        "detail": {"type": "string", "description": "Cause, place and remedy; for people."},
        "details": {"type": "object", "description": "Values of the error, with a `reason` where there is one."},
    },
    "required": ["type", "title", "status", "code", "detail", "details"],
}


def status_of(error: errors.MidonetError | type[errors.MidonetError]) -> HTTPStatus:
    """Return the HTTP status of an error."""
    kind = error if isinstance(error, type) else type(error)
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


def encode(error: errors.MidonetError, status: HTTPStatus | None = None) -> bytes:
    """Return the body for an error."""
    status = status or status_of(error)
    return canonical(
        {
            "type": f"urn:midonet:error:{error.code}",
            "title": status.phrase,
            "status": status.value,
            "code": error.code,
            "detail": _short(error.message),
            "details": {name: _plain(value) for name, value in error.details.items()},
        }
    )


def _plain(value: Any) -> Any:
    """Return a value that JSON can encode, cut if it is long; other values as escaped text."""
    try:
        text = canonical(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _short(str(value).encode("utf-8", "backslashreplace").decode())
    if len(text) <= _MAX_VALUE:
        return redact(value)
    if isinstance(value, (list, tuple)):
        sizes = accumulate(len(canonical(item)) for item in value)
        return [item for item, size in zip(value, sizes, strict=True) if size <= _MAX_VALUE]
    return _short(value if isinstance(value, str) else text.decode())


def _short(text: str) -> str:
    """Return a text without secrets, and without its middle if it is long."""
    if len(text) <= _MAX_TEXT:
        return redact(text)
    return f"{redact(text[:_MAX_TEXT])[: _MAX_TEXT // 2]} … {redact(text[-_MAX_TEXT:])[-_MAX_TEXT // 4 :]}"
