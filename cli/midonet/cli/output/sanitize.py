"""Make text safe for a terminal: one line, no control characters, no passwords.

All text that comes from users or servers passes through here before it is printed.
"""

import re

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
_STYLED = re.compile(rf"\x1b\[[0-9;]*m|\n|({_UNSAFE.pattern})")
"""What stands in output as it is (styles, line breaks), or is unsafe."""
_BLANKS = {"\n": " ", "\t": " ", "\r": ""}


def clean(text: str) -> str:
    """Return text on one line; control and bidirectional characters are escaped."""
    return _UNSAFE.sub(lambda match: _escaped(match[0]), text)


def printable(text: str, *, styled: bool) -> str:
    """Return text of several lines whose control characters are escaped; `styled` lets colours through."""

    def safe(match: re.Match[str]) -> str:
        return match[0] if match[0] == "\n" or (styled and match[1] is None) else clean(match[0])

    return _STYLED.sub(safe, text)


def is_safe(text: str) -> bool:
    """Return whether text has no control character but line breaks."""
    return _UNSAFE.search(text.replace("\n", "")) is None


def _escaped(character: str) -> str:
    return _BLANKS.get(character, f"\\u{ord(character):04x}")


def shortened(text: str, limit: int) -> str:
    """Return text of at most `limit` characters; a longer one loses its middle."""
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-(limit // 2) + 1 :]}"
