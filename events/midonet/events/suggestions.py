"""Suggest known words for one that is unknown. Pure."""

from collections.abc import Iterable
from itertools import islice

_LONGEST = 50
"""Characters of a word that are compared."""
_SHORT = 3
_MOST = 10_000
"""Words among which a search is quick."""


def suggest(wanted: str, known: Iterable[str]) -> str:
    """Return a hint such as `; did you mean port?`, or nothing."""
    from difflib import get_close_matches

    words = list(islice(known, _MOST + 1))
    if len(words) > _MOST:
        return ""
    text = wanted[:_LONGEST]
    cutoff = 0.5 if len(text) <= _SHORT else 0.6  # `p2` for `p1`
    found = (get_close_matches(one, words, n=3, cutoff=cutoff) for one in (text, text.lower()))
    matches = next(filter(None, found), [])
    return f"; did you mean {' or '.join(matches)}?" if matches else ""
