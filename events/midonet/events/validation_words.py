"""Messages of msgspec about data that do not fit, in plain words: `expected a whole number, got text`. Pure."""

import re

import msgspec

_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
    "bytes": "binary data",
    "uuid": "a UUID",
    "datetime": "a time",
}
_PLACE = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_UNION = re.compile(r"`([a-z| ]+)`")
_LIMITS = (
    (re.compile(r" of length >= (\d+)"), r" of length \1 or more"),
    (re.compile(r" of length <= (\d+)"), r" of length \1 or less"),
    (re.compile(r" >= (\S+)"), r" of \1 or more"),
    (re.compile(r" <= (\S+)"), r" of \1 or less"),
    (re.compile(r" > (\S+)"), r" greater than \1"),
    (re.compile(r" < (\S+)"), r" less than \1"),
    (re.compile(r"^Object missing required field `(.*)`$"), r"\1 is missing"),
    (re.compile(r"^Object contains unknown field `(.*)`$"), r"there is no \1"),
)


def type_in_words(value: object) -> str:
    """Return what a JSON value is, e.g. `a list`."""
    known = {int: "int", float: "float", str: "str", bool: "bool", type(None): "null", list: "array", tuple: "array"}
    return _TYPES[known.get(type(value), "object")]


def in_words(error: msgspec.ValidationError, root: str = "") -> str:
    """Return the message of an error; the path to the value ends it, relative to `root`."""
    text = str(error)
    found = _PLACE.search(text)
    place = found[1].removeprefix(root).removeprefix(".") if found is not None else ""
    text = _UNION.sub(lambda union: _words(union[1]), _PLACE.sub("", text))
    for pattern, words in _LIMITS:
        text = pattern.sub(words, text)
    text = text.replace("`", "")
    return text[:1].lower() + text[1:] + (f" (at {place})" if place else "")


def _words(union: str) -> str:
    """Return what a type, or several (`int | null`), are; an optional value is what it is where it is given."""
    names = union.split(" | ")
    if any(name not in _TYPES for name in names):
        return f"`{union}`"
    given = [name for name in names if name != "null"] or names
    return " or ".join(_TYPES[name] for name in given)
