"""Times as text: UTC in the form of RFC 3339 that ends with `Z`. They sort as text as they do in time."""

from datetime import UTC, datetime
from typing import Literal

Precision = Literal["seconds", "milliseconds", "microseconds"]


def utc(time: datetime, precision: Precision = "milliseconds") -> str:
    """Return a time that has a time zone as text."""
    return time.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def utc_now(precision: Precision = "milliseconds") -> str:
    """Return the present time as text."""
    return utc(datetime.now(UTC), precision)
