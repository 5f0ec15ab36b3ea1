"""Make text safe for a terminal: one line, no control characters, no passwords.

All text that comes from users or servers passes through here before it is printed.
"""

import re

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
_BLANKS = {"\n": " ", "\t": " ", "\r": ""}


def clean(text: str) -> str:
    """Return text on one line; control and bidirectional characters are escaped."""
    return _UNSAFE.sub(lambda match: _escaped(match[0]), text)


def _escaped(character: str) -> str:
    return _BLANKS.get(character, f"\\u{ord(character):04x}")


def shortened(text: str, limit: int) -> str:
    """Return text of at most `limit` characters; a longer one loses its middle."""
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-(limit // 2) + 1 :]}"
