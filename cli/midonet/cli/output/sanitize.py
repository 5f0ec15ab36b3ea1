"""Make foreign text fit for a screen: one line, no control characters, no passwords; and guess what was meant.

Everything that a person sees and that somebody else may have written goes through here.
"""

import re

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
_BLANKS = {"\n": " ", "\t": " ", "\r": ""}


def clean(text: str) -> str:
    """Return text on one line: what could move the cursor or reorder the line is spelt out."""
    return _UNSAFE.sub(lambda match: _spelt(match[0]), text)


def _spelt(character: str) -> str:
    return _BLANKS.get(character, f"\\u{ord(character):04x}")


def shortened(text: str, limit: int) -> str:
    """Return text of at most so many characters; the middle of a longer one is left out."""
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-(limit // 2) + 1 :]}"
