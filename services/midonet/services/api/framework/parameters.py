"""The parameters that requests may have, each declared once: how it is read, and how it is described.

A parameter that an operation does not declare is refused: a misspelt filter must not look like one that fits all.
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
    """One parameter of a request; `parse` raises `ValueError` with what is wrong."""

    name: str
    location: Literal["query", "header", "path"] = "query"
    help: str
    schema: Mapping[str, Any]
    parse: Callable[[str], Any] = str
    many: bool = False
    default: Any = None
    required: bool = False

    def read(self, texts: list[str]) -> Any:
        """Return the value of what was sent; `UsageError` if it is none."""
        if not texts:
            if self.required:
                raise UsageError(f"{self.name}: it is needed", parameter=self.name)
            return self.default
        if len(texts) > 1 and not self.many:
            raise UsageError(f"{self.name}: it is there twice", parameter=self.name)
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
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
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
        raise ValueError("it names no field")
    return found


def _trace(text: str) -> str | None:
    found = _TRACE.fullmatch(text.strip())
    return found[1] if found and found[1] != "0" * 32 else None


def flag(name: str, text: str) -> Parameter:
    """Return a parameter that is true or false, false if it is not there."""
    return Parameter(name=name, help=text, schema={"type": "boolean"}, parse=_truth, default=False)


def path(name: str, text: str) -> Parameter:
    """Return a parameter that is a part of the path."""
    return Parameter(name=name, location="path", help=text, schema={"type": "string", "minLength": 1}, required=True)


_POSITION = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
_TEXT = {"type": "string", "minLength": 1, "maxLength": _MAX_LINE}
_HEADER = {"type": "string", "minLength": 1, "maxLength": _MAX_LINE, "pattern": r"^[!-~]([ -~]*[!-~])?$"}


def _position(text: str) -> int:
    return _whole(0, 10**18 - 1)(text)


AT = Parameter(name="at", help="As of a position, an RFC 3339 time or a tag.", schema={"type": "string"})
STALE = flag("stale", "Answer at once from what this node has read so far; do not ask the log whether there is more.")
POSITION = Parameter(name="position", help="Position of the log.", schema=_POSITION, parse=_position)
FILTER = Parameter(
    name="filter",
    help="FIELD=VALUE: only where this holds; also !=, <, <=, >, >=, and ~ for a pattern; no VALUE: none is set. All "
    "of several must hold.",
    schema={"type": "string", "pattern": "^[^=!<>~]+[=!<>~]"},
    many=True,
    default=(),
)
FIELDS = Parameter(
    name="fields", help="Only these fields of each object, separated by commas.", schema=_TEXT, parse=_names
)
SORT = Parameter(
    name="sort",
    help="Field to sort by, descending with a minus in front. Default: by name, rules by chain and place.",
    schema=_TEXT,
)
LIMIT = Parameter(
    name="limit",
    help=f"No more than so many; the header Link leads to the rest. Default {_DEFAULT_LIMIT}.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    parse=_whole(1, MAX_LIMIT),
    default=_DEFAULT_LIMIT,
)
CURSOR = Parameter(name="cursor", help="Where a page begins, as the header Link says.", schema={"type": "string"})
CASCADE = flag("cascade", "Release what refers to the object, or delete it as well.")
DRY_RUN = flag("dry_run", "Show what would happen; write nothing.")
WAIT = Parameter(
    name="wait",
    help="PROJECTION=SECONDS: answer when that projection shows the change; 504 if it does not in time.",
    schema={"type": "string", "pattern": _SECONDS},
    parse=_wait,
    many=True,
    default=(),
)
IF_MATCH = Parameter(
    name="If-Match",
    location="header",
    help="ETag of the object as it was seen: refused with 412 if it was changed since.",
    schema={"type": "string", "pattern": r'^(\*|"[0-9]{1,18}")$'},
    parse=_etag,
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    location="header",
    help="ETag of what the client has: 304 if nothing changed since.",
    schema={"type": "string"},
)
IF_HEAD = Parameter(
    name="If-Head",
    location="header",
    help="Refuse with 412 unless the log is at exactly this position.",
    schema=_POSITION,
    parse=_position,
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    location="header",
    help="Id of the command: sending it again never does it twice, and gives the original result.",
    schema=_HEADER,
    parse=_line(),
)
REASON = Parameter(
    name="Midonet-Reason",
    location="header",
    help="Why, for the history; UTF-8.",
    schema={**_HEADER, "maxLength": _MAX_REASON},
    parse=_line(_MAX_REASON),
)
ACTOR = Parameter(
    name="Midonet-Actor", location="header", help="Who acts, for the history.", schema=_HEADER, parse=_line()
)
CORRELATION = Parameter(
    name="Midonet-Correlation",
    location="header",
    help="What the command belongs to, for the history; else the trace id of `traceparent`.",
    schema=_HEADER,
    parse=_line(),
)
CAUSATION = Parameter(
    name="Midonet-Causation",
    location="header",
    help="Id of the command that this one follows from, for the history.",
    schema=_HEADER,
    parse=_line(),
)
TRACEPARENT = Parameter(
    name="traceparent",
    location="header",
    help="W3C Trace Context: its trace id is the correlation. One that is malformed is ignored, as the standard says.",
    schema={"type": "string"},
    parse=_trace,
)

READ = (AT, STALE)
WRITE = (DRY_RUN, WAIT, IF_HEAD, IDEMPOTENCY_KEY, REASON, ACTOR, CORRELATION, CAUSATION, TRACEPARENT)
