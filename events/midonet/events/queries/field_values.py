"""Parse field values from text (of a command line, of a query) to JSON values, by the declared type of the field.

A list is given by repeating the option or with commas; a structure as JSON, as `part=value,part=value`, or in the short
form that its class parses. Validation is elsewhere.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from midonet.events.errors import InvalidValue
from midonet.events.model import FieldSpec

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_MAX_DIGITS = 18


def parse_value(spec: FieldSpec, texts: Sequence[str]) -> Any:
    """Return the JSON value of a field for the given texts; `InvalidValue` if they are not one."""
    if spec.many:
        return [_one(spec, item) for text in texts for item in _items(spec, text)]
    return _one(spec, texts[-1])


def _items(spec: FieldSpec, text: str) -> Iterator[Any]:
    """Yield the elements in one text."""
    if text.startswith("["):
        found = _json(spec, text)
        yield from found if isinstance(found, list) else [found]
    elif spec.parts and ("=" in text or text.startswith("{")):
        yield text
    else:
        yield from filter(None, text.split(","))


def _one(spec: FieldSpec, text: Any) -> Any:
    if not isinstance(text, str):
        return text  # from JSON
    if spec.parts:
        return _structure(spec, text)
    if spec.base is bool:
        return _truth(spec, text)
    is_integer = spec.base is int and (spec.format is None or (text.isascii() and text.isdigit()))
    return _integer(spec, text) if is_integer else text


def _truth(spec: FieldSpec, text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise InvalidValue(
            f"{spec.name}: {text!r} is neither true nor false", field=spec.name, value=text, reason="bad-value"
        )
    return _TRUTH[text.lower()]


def _integer(spec: FieldSpec, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise InvalidValue(
            f"{spec.name}: {text[:80]!r} is not a whole number", field=spec.name, value=text[:80], reason="bad-value"
        )
    return int(text)


def _structure(spec: FieldSpec, text: str) -> Any:
    if text.startswith("{"):
        return _json(spec, text)
    if "=" not in text:
        return text  # the model parses the short form, or refuses it
    parts = {part.name: part for part in spec.parts}
    pairs = [pair.partition("=")[::2] for pair in text.split(",")]
    names = [name.strip().replace("-", "_") for name, _ in pairs]
    return {
        name: parse_value(parts[name], [text]) if name in parts else text
        for name, (_, text) in zip(names, pairs, strict=True)
    }


def _json(spec: FieldSpec, text: str) -> Any:
    import json

    try:
        return json.loads(text, parse_constant=_refuse, parse_int=_small)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(
            f"{spec.name}: not JSON: {error}", field=spec.name, value=text[:80], reason="bad-value"
        ) from None


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _small(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"{text[:_MAX_DIGITS]}… is too large a number")
    return int(text)
