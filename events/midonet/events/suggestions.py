"""Suggest known words for one that is unknown. Pure."""

from collections.abc import Iterable
from itertools import islice

_LONGEST = 50
"""Characters of a word that are compared."""
_SHORT = 3
_NEAR = 0.7
"""Similarity from which on a word is a suggestion."""
_MOST = 10_000
"""Words among which a search is quick."""


def suggest(wanted: str, known: Iterable[str]) -> str:
    """Return a hint such as `; did you mean port?`, or nothing."""
    from difflib import get_close_matches

    words = list(islice(known, _MOST + 1))
    if len(words) > _MOST:
        return ""
    text = wanted[:_LONGEST]
    if len(text) <= _SHORT:  # `p2` for `p1`
        near = [word for word in words if word[:1] == text[:1].lower() and abs(len(word) - len(text)) <= 1]
        matches = get_close_matches(text.lower(), near, n=3, cutoff=0.5)
    else:
        found = (get_close_matches(one, words, n=3, cutoff=_NEAR) for one in (text, text.lower()))
        matches = next(filter(None, found), [])
    return f"; did you mean {' or '.join(matches)}?" if matches else ""
