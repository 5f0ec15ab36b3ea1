"""Hide secrets in text that is shown or logged: passwords in URLs, and query parameters that are named as secrets."""

import re
from typing import Any, TypeVar

T = TypeVar("T")

_PASSWORD = re.compile(r"(?<=://)([^/:@\s[]*):\S*@")
_PARAMETER = re.compile(r"([?&][^\s=&]*(?:password|secret|token)[^\s=&]*=)[^\s&]+", re.IGNORECASE)


def redact(value: T) -> T:
    """Return text with `***` in place of its secrets; any other value unchanged."""
    shown: Any = value
    if isinstance(value, str):
        shown = _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", value))
    return shown  # type: ignore[no-any-return]  # text stays text
