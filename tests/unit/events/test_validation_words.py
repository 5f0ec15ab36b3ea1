"""Messages about data of the wrong type use words, not names of types in Python."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from midonet.events.errors import InvalidValue
from midonet.events.model import KINDS, FieldSpec
from midonet.events.validation_words import in_words


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[int, Meta(ge=1, le=9)]
    text: Annotated[str, Meta(min_length=1, max_length=3)] | None = None
    items: list[float] = []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"number": "x"}, "expected a whole number, got text (at number)"),
        ({"number": 0}, "expected a whole number of 1 or more (at number)"),
        ({"number": 10}, "expected a whole number of 9 or less (at number)"),
        ({"number": 1, "text": 5}, "expected text, got a whole number (at text)"),
        ({"number": 1, "text": "long"}, "expected text of length 3 or less (at text)"),
        ({"number": 1, "items": 5}, "expected a list, got a whole number (at items)"),
        ({"number": 1, "items": [1, True]}, "expected a number, got true or false (at items[1])"),
        ({}, "number is missing"),
        ({"number": 1, "other": 1}, "there is no other"),
        ([], "expected a mapping, got a list"),
    ],
)
def test_misfits_are_named_in_words(document: Any, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(msgspec.json.encode(document), type=_Document)
    assert in_words(raised.value) == words


LEAKS = ("`", "got int", "got str", "got dict", "got list", "expected int", "expected str", "list[")
MISFITS: list[Any] = [5.5, "\x00", True, [[]], {"x": 1}, [{"x": ()}], -1]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_no_field_names_types_of_python(kind: Any) -> None:
    messages = [text for spec in kind.writable.values() for value in MISFITS for text in _refusals(spec, value)]
    assert messages
    assert [text for text in messages if any(word in text for word in LEAKS)] == []


def _refusals(spec: FieldSpec, value: Any) -> Iterator[str]:
    try:
        spec.coerce(value)
    except InvalidValue as error:
        yield error.message
