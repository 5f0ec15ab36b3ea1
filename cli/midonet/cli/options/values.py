"""Parsers of the values of shared options; each raises `ValueError` with what is wrong."""

import re

from midonet.cli.output.formats import FORMATS
from midonet.events.suggestions import suggest

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("", "0", "false", "no", "off")
_MAX_LINE = 255
_MAX_REASON = 4096
_MAX_DIGITS = 18
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def output_format(text: str) -> str:
    """Return the name of an output format."""
    if text not in FORMATS:
        raise ValueError(f"{text!r} is none of {', '.join(FORMATS)}{suggest(text, FORMATS)}")
    return text


def line(text: str, limit: int = _MAX_LINE) -> str:
    """Return one printable line."""
    if not 1 <= len(text) <= limit or not text.isprintable():
        raise ValueError(f"it must be one line of 1 to {limit} characters")
    return text


def reason(text: str) -> str | None:
    """Return a reason; None if it is empty."""
    return line(text, _MAX_REASON) if text else None


def tenant(text: str) -> str | None:
    """Return the name of a tenant; None if it is empty."""
    return line(text) if text else None


def flag(text: str) -> bool:
    """Return whether the text means yes."""
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in _TRUE


def position(text: str) -> int:
    """Return a position of the log."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise ValueError(f"{text!r} is not a position")
    return int(text)


def seconds(text: str) -> float:
    """Return a number of seconds."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text, re.ASCII):
        raise ValueError(f"{text!r} is not a number of seconds")
    return float(text)


def zookeeper_root(text: str) -> str:
    """Return an absolute path in ZooKeeper, without a slash at its end."""
    parts = text.rstrip("/").split("/")
    if parts[0] or len(parts) == 1 or any(part in ("", ".", "..") or not part.isprintable() for part in parts[1:]):
        raise ValueError(f"{text!r} is not an absolute path such as /midonet")
    return "/".join(parts)


def context(text: str) -> str | None:
    """Return the name of a context; None if it is empty: no context."""
    if text and not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a context: 1 to 63 letters, digits, '.', '_' and '-'")
    return text or None


def account(text: str) -> str | None:
    """Return the name of an account; None if it is empty."""
    return line(text) if text else None
