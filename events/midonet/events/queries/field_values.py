"""From words (of a command line, of a query) to JSON values, by the declared type of a field; validation is elsewhere.

A list is given by repeating the option or with commas; a structure as JSON, as `part=value,part=value`, or in
the short form that its class reads.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from midonet.events.errors import InvalidValue
from midonet.events.model import FieldSpec

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_MAX_DIGITS = 18


def value(spec: FieldSpec, words: Sequence[str]) -> Any:
    """Return the JSON value of a field for the words that were given; `InvalidValue` if they cannot be one."""
    if spec.many:
        return [_one(spec, item) for word in words for item in _items(spec, word)]
    return _one(spec, words[-1])


def _items(spec: FieldSpec, word: str) -> Iterator[Any]:
    """Yield the elements that one word gives."""
    if word.startswith("["):
        found = _json(spec, word)
        yield from found if isinstance(found, list) else [found]
    elif spec.parts and ("=" in word or word.startswith("{")):
        yield word
    else:
        yield from filter(None, word.split(","))


def _one(spec: FieldSpec, word: Any) -> Any:
    if not isinstance(word, str):
        return word  # from JSON
    if spec.parts:
        return _structure(spec, word)
    if spec.base is bool:
        return _truth(spec, word)
    return _integer(spec, word) if spec.base is int and spec.format is None else word


def _truth(spec: FieldSpec, word: str) -> bool:
    if word.lower() not in _TRUTH:
        raise InvalidValue(
            f"{spec.name}: {word!r} is neither true nor false", field=spec.name, value=word, reason="bad-value"
        )
    return _TRUTH[word.lower()]


def _integer(spec: FieldSpec, word: str) -> int:
    digits = word.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise InvalidValue(
            f"{spec.name}: {word[:80]!r} is not a whole number", field=spec.name, value=word[:80], reason="bad-value"
        )
    return int(word)


def _structure(spec: FieldSpec, word: str) -> Any:
    if word.startswith("{"):
        return _json(spec, word)
    if "=" not in word:
        return word  # the core reads the short form, or says that there is none
    parts = {part.name: part for part in spec.parts}
    pairs = [pair.partition("=")[::2] for pair in word.split(",")]
    names = [name.strip().replace("-", "_") for name, _ in pairs]
    return {
        name: value(parts[name], [text]) if name in parts else text
        for name, (_, text) in zip(names, pairs, strict=True)
    }


def _json(spec: FieldSpec, word: str) -> Any:
    import json

    try:
        return json.loads(word, parse_constant=_refuse, parse_int=_small)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(
            f"{spec.name}: not JSON: {error}", field=spec.name, value=word[:80], reason="bad-value"
        ) from None


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _small(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"{text[:_MAX_DIGITS]}… is too large a number")
    return int(text)
