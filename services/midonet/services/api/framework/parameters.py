"""The parameters of requests, each declared once with parser and description.

Undeclared parameters are refused, so that a misspelt filter does not silently match everything.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from midonet.events.errors import UsageError

MAX_LIMIT = 10_000
_DEFAULT_LIMIT = 1_000
_MAX_SECONDS = 3_600.0
_MAX_LINE = 255
_MAX_REASON = 4_096
_ETAG = re.compile(r'"([0-9]{1,18})"')
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_SECONDS = r"^[^=]+(=[0-9]+(\.[0-9]+)?)?$"


class Parameter(Struct, frozen=True, kw_only=True):
    """One parameter of a request; `parse` raises `ValueError` with the cause."""

    name: str
    location: Literal["query", "header", "path"] = "query"
    help: str
    schema: Mapping[str, Any]
    parse: Callable[[str], Any] = str
    many: bool = False
    default: Any = None
    required: bool = False

    def read(self, texts: list[str]) -> Any:
        """Return the parsed value; `UsageError` if it is invalid, missing or repeated."""
        if not texts:
            if self.required:
                raise UsageError(f"{self.name}: it is required", parameter=self.name)
            return self.default
        if len(texts) > 1 and not self.many:
            raise UsageError(f"{self.name}: it is given twice", parameter=self.name)
        try:
            values = [self.parse(text) for text in texts]
        except ValueError as error:
            raise UsageError(f"{self.name}: {error}", parameter=self.name) from None
        return tuple(values) if self.many else values[0]


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not an integer from {low} to {high}")
        return int(text)

    return parse


def _line(limit: int = _MAX_LINE) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not 1 <= len(text) <= limit or not text.isprintable():
            raise ValueError(f"it must be one line of 1 to {limit} characters")
        return text

    return parse


def _etag(text: str) -> int | None:
    if text == "*":
        return None
    found = _ETAG.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r} is not an ETag of this API, such as "12"')
    return int(found[1])


def _wait(text: str) -> tuple[str, float]:
    name, equals, seconds = text.partition("=")
    if not name or (equals and not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", seconds)):
        raise ValueError(f"{text!r} is not of the form PROJECTION=SECONDS")
    if equals and float(seconds) > _MAX_SECONDS:
        raise ValueError(f"longer than {_MAX_SECONDS:.0f} seconds")
    return name, float(seconds) if equals else 30.0


def _names(text: str) -> tuple[str, ...]:
    found = tuple(name.replace("-", "_") for name in text.split(",") if name)
    if not found:
        raise ValueError("it has no field name")
    return found


def _trace(text: str) -> str | None:
    found = _TRACE.fullmatch(text.strip())
    return found[1] if found and found[1] != "0" * 32 else None


def flag(name: str, text: str) -> Parameter:
    """Return a boolean query parameter, false by default."""
    return Parameter(name=name, help=text, schema={"type": "boolean"}, parse=_truth, default=False)


def path(name: str, text: str) -> Parameter:
    """Return a path parameter."""
    return Parameter(name=name, location="path", help=text, schema={"type": "string", "minLength": 1}, required=True)


_POSITION = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
_TEXT = {"type": "string", "minLength": 1, "maxLength": _MAX_LINE}
_HEADER = {"type": "string", "minLength": 1, "maxLength": _MAX_LINE, "pattern": r"^[!-~]([ -~]*[!-~])?$"}


def _position(text: str) -> int:
    return _whole(0, 10**18 - 1)(text)


AT = Parameter(name="at", help="As of a position, an RFC 3339 time or a tag.", schema={"type": "string"})
STALE = flag("stale", "Answer from what this node has read so far, without a linearizable read.")
POSITION = Parameter(name="position", help="Position of the log.", schema=_POSITION, parse=_position)
FILTER = Parameter(
    name="filter",
    help="FIELD=VALUE: only objects that match; also !=, <, <=, >, >=, and ~ for a pattern; an empty VALUE matches "
    "unset fields. Several filters must all match.",
    schema={"type": "string", "pattern": "^[^=!<>~]+[=!<>~]"},
    many=True,
    default=(),
)
FIELDS = Parameter(
    name="fields", help="Only these fields of each object, separated by commas.", schema=_TEXT, parse=_names
)
SORT = Parameter(
    name="sort",
    help="Field to sort by; a leading minus sorts in descending order. Default: by name; rules by chain and index.",
    schema=_TEXT,
)
LIMIT = Parameter(
    name="limit",
    help=f"Maximum number of items; the header Link has the next page. Default: {_DEFAULT_LIMIT}.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    parse=_whole(1, MAX_LIMIT),
    default=_DEFAULT_LIMIT,
)
CURSOR = Parameter(name="cursor", help="Start of a page, from the header Link.", schema={"type": "string"})
CASCADE = flag("cascade", "Clear references to the object, or delete the objects that have them.")
CREATE_TENANT = flag("create_tenant", "Create the tenants that objects get and that do not exist, in the same commit.")
DRY_RUN = flag("dry_run", "Dry run: show the result, write nothing.")
WAIT = Parameter(
    name="wait",
    help="PROJECTION=SECONDS: answer when that projection shows the change; 504 after the timeout.",
    schema={"type": "string", "pattern": _SECONDS},
    parse=_wait,
    many=True,
    default=(),
)
IF_MATCH = Parameter(
    name="If-Match",
    location="header",
    help="ETag of the object: refused with 412 if the object changed since.",
    schema={"type": "string", "pattern": r'^(\*|"[0-9]{1,18}")$'},
    parse=_etag,
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    location="header",
    help="ETag of the client's copy: 304 if it is current.",
    schema={"type": "string"},
)
IF_HEAD = Parameter(
    name="If-Head",
    location="header",
    help="Refuse with 412 unless the head of the log is at exactly this position.",
    schema=_POSITION,
    parse=_position,
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    location="header",
    help="Id of the command: a repeated request is not executed again and returns the original result.",
    schema=_HEADER,
    parse=_line(),
)
REASON = Parameter(
    name="Midonet-Reason",
    location="header",
    help="Reason of the commit, for the history; UTF-8.",
    schema={**_HEADER, "maxLength": _MAX_REASON},
    parse=_line(_MAX_REASON),
)
ACTOR = Parameter(
    name="Midonet-Actor",
    location="header",
    help="Actor of the commit, for the history; ignored with authentication.",
    schema=_HEADER,
    parse=_line(),
)
CORRELATION = Parameter(
    name="Midonet-Correlation",
    location="header",
    help="Correlation id of the commit; default: the trace id of `traceparent`.",
    schema=_HEADER,
    parse=_line(),
)
CAUSATION = Parameter(
    name="Midonet-Causation",
    location="header",
    help="Id of the command that caused this one.",
    schema=_HEADER,
    parse=_line(),
)
TRACEPARENT = Parameter(
    name="traceparent",
    location="header",
    help="W3C Trace Context: its trace id becomes the correlation. A malformed value is ignored (W3C).",
    schema={"type": "string"},
    parse=_trace,
)

READ = (AT, STALE)
WRITE = (DRY_RUN, WAIT, CREATE_TENANT, IF_HEAD, IDEMPOTENCY_KEY, REASON, ACTOR, CORRELATION, CAUSATION, TRACEPARENT)
