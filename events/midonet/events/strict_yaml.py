"""Parse YAML strictly: a file means what it appears to mean, or is refused with file and line.

A subset of YAML 1.2: no tags, no merge keys, no duplicate keys; a MAC address is never a number, `no` never a boolean,
a date is text. Aliases work but cannot form cycles, and their expansion is bounded. No input can make this module take
more than bounded time and memory, or run code.
"""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from midonet.events.errors import InvalidValue, MidonetError

MAX_BYTES = 64 * 1024 * 1024
MAX_VALUES = 2_000_000
MAX_DEPTH = 50

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_MAX_INTEGER_LENGTH = 20
_INT64 = range(-(2**63), 2**63)


class Located(dict[str, Any]):
    """A mapping with the file and line where it was written."""

    __slots__ = ("file", "line")

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line


def parse(file: str, raw: bytes) -> list[Any]:
    """Return the documents in the bytes of a file."""
    text = _decode(file, raw)
    composer = _Composer(file)
    loader = yaml.CSafeLoader(text)
    try:
        while loader.check_event():
            composer.process(loader.get_event())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _bad(file, line, error.problem or error.context or "not YAML") from None
    except yaml.YAMLError as error:
        raise _bad(file, 1, " ".join(str(error).split())) from None
    finally:
        loader.dispose()
    return [document for document in composer.documents if document is not None]


def objects(file: str, documents: Sequence[Any]) -> list[Located]:
    """Return the mappings in documents; a document that is a list stands for its elements."""
    found: list[Any] = []
    for document in documents:
        found += document if isinstance(document, list) else [document]
    for place, item in enumerate(found, 1):
        if not isinstance(item, Located):
            raise InvalidValue(
                f"{file}: object {place} is not a mapping of fields but {type(item).__name__}",
                file=file,
                reason="bad-document",
            )
    return found


def with_location(error: MidonetError, documents: Sequence[Located]) -> MidonetError:
    """Return the error with file and line instead of the number of the document."""
    where = error.details.get("where")
    if not isinstance(where, str):
        return error
    found = _follow(where, documents)
    message = error.message.replace(where, f"{found.file}:{found.line}", 1)
    return type(error)(message, **{**error.details, "file": found.file, "line": found.line})


def _follow(where: str, documents: Sequence[Located]) -> Located:
    """Return the mapping of a path such as `document 3, ports 2`."""
    first, *steps = where.split(", ")
    found = documents[int(first.rpartition(" ")[2]) - 1]
    for step in steps:
        key, _, number = step.rpartition(" ")
        found = found[key][int(number) - 1]
    return found


def _decode(file: str, raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _bad(file, line, f"byte 0x{raw[error.start]:02x} is not UTF-8 text") from None
    found = _UNPRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise _bad(file, line, f"control character U+{ord(found[0]):04X} is not allowed")
    return text


def _bad(file: str, line: int, reason: str) -> InvalidValue:
    return InvalidValue(f"{file}:{line}: {reason}", file=file, line=line, reason="bad-yaml")


class _Open:
    """A list or mapping that is being read; a mapping expects a key, or the value of one."""

    def __init__(self, value: Any, anchor: str | None, start: int) -> None:
        self.value = value
        self.anchor = anchor
        self.start = start
        self.key: str | None = None


class _Composer:
    """Builds values from parser events, without recursion."""

    def __init__(self, file: str) -> None:
        self.documents: list[Any] = []
        self._file = file
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0

    def process(self, event: Any) -> None:
        """Process the next event."""
        line = event.start_mark.line + 1
        match event:
            case yaml.ScalarEvent():
                self._add(line, self._scalar(line, event), event.anchor)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._start(line, event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case yaml.AliasEvent():
                self._add(line, *self._aliased(line, str(event.anchor)))
            case yaml.DocumentStartEvent():
                self._anchors.clear()

    def _start(self, line: int, event: Any) -> None:
        if event.tag is not None:
            raise _bad(self._file, line, f"the tag {event.tag} is not allowed")
        if len(self._open) >= MAX_DEPTH:
            raise _bad(self._file, line, f"nested deeper than {MAX_DEPTH} levels")
        if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
            raise _bad(self._file, line, "a key must be text")
        value = Located(self._file, line) if isinstance(event, yaml.MappingStartEvent) else []
        start = self._count
        self._add(line, value, None)
        self._open.append(_Open(value, event.anchor, start))

    def _end(self) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchors[done.anchor] = done.value, self._count - done.start

    def _add(self, line: int, value: Any, anchor: str | None, size: int = 1) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            raise _bad(self._file, line, f"more than {MAX_VALUES:,} values (aliases expanded)")
        if anchor:
            self._anchors[anchor] = value, size
        if not self._open:
            self.documents.append(value)
        elif isinstance(self._open[-1].value, list):
            self._open[-1].value.append(value)
        else:
            self._add_to_mapping(line, self._open[-1], value)

    def _add_to_mapping(self, line: int, mapping: _Open, value: Any) -> None:
        if mapping.key is not None:
            mapping.value[mapping.key] = value
            mapping.key = None
            return
        if not isinstance(value, str):
            raise _bad(self._file, line, f"a key must be text, not {_shown(value)}")
        if value == "<<":
            raise _bad(self._file, line, "merge keys (<<) are not supported")
        if value in mapping.value:
            raise _bad(self._file, line, f"duplicate key {value!r}")
        mapping.key = value

    def _aliased(self, line: int, anchor: str) -> tuple[Any, None, int]:
        if any(frame.anchor == anchor for frame in self._open):
            raise _bad(self._file, line, f"the alias *{anchor} is inside of its own anchor")
        if anchor not in self._anchors:
            raise _bad(self._file, line, f"there is no anchor &{anchor} before the alias *{anchor}")
        value, size = self._anchors[anchor]
        return value, None, size

    def _scalar(self, line: int, event: Any) -> Any:
        if event.tag is not None and event.tag not in _TEXT_TAGS:
            raise _bad(self._file, line, f"the tag {event.tag} is not allowed")
        if event.tag is not None or not event.implicit[0]:
            return event.value
        try:
            return _plain(event.value)
        except ValueError as error:
            raise _bad(self._file, line, str(error)) from None


def _plain(text: str) -> Any:
    """Return the value of a plain scalar; everything that PyYAML would write without quotes is text here too."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text) and (value := float(text)) not in (float("inf"), float("-inf")):
        return value
    if _NOT_FINITE.fullmatch(text) or _FLOAT.fullmatch(text):
        raise ValueError(f"{_shown(text)} is not a finite number")
    return text


def _integer(text: str) -> int:
    value = int(text, 0) if len(text) <= _MAX_INTEGER_LENGTH else _INT64.stop
    if value not in _INT64:
        raise ValueError(f"{_shown(text)} is too large a number")
    return value


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MAX_INTEGER_LENGTH else text[: _MAX_INTEGER_LENGTH - 1] + "…"
