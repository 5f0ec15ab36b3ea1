"""What YAML files describe, for `apply` and `plan`; and an error's place among them, as file and line."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from midonet.cli import output
from midonet.cli.documents import Located, load
from midonet.events.command import Put
from midonet.events.errors import InvalidValue, MidonetError, UsageError

__all__ = ["describing"]

_LONG = 300
"""From so many documents on, a terminal is told that work goes on."""

_LARGE = 1024 * 1024
"""Bytes from which on reading takes a while."""


@contextmanager
def describing(paths: Sequence[str], *, prune: bool) -> Iterator[Put]:
    """Yield the operation that files ask for; errors raised inside name file and line."""
    if not paths:
        raise UsageError("which file? give at least one -f FILE")
    with output.working("reading", long=sum(map(_size, paths)) >= _LARGE):
        documents = [document for path in paths for document in _objects(path)]
    if not documents:
        raise InvalidValue(f"{', '.join(paths)}: nothing is described there", files=list(paths))
    try:
        with output.working(f"applying {len(documents):,} documents", long=len(documents) >= _LONG):
            yield Put(documents, prune=prune)
    except MidonetError as error:
        raise _placed(error, documents) from None


def _size(path: str) -> int:
    return os.stat(path).st_size if os.path.isfile(path) else 0  # noqa: PTH113, PTH116 - a path as it was written


def _objects(path: str) -> list[Any]:
    """Return the mappings that a file describes; a document that is a list stands for its elements."""
    found: list[Any] = []
    for document in load(path):
        found += document if isinstance(document, list) else [document]
    for place, item in enumerate(found, 1):
        if not isinstance(item, Located):
            raise InvalidValue(f"{path}: object {place} is no mapping of fields but {type(item).__name__}", file=path)
    return found


def _placed(error: MidonetError, documents: Sequence[Located]) -> MidonetError:
    """Return the error with file and line instead of the number of the document."""
    where = error.details.get("where")
    if not isinstance(where, str):
        return error
    found = _follow(where, documents)
    message = error.message.replace(where, f"{found.file}:{found.line}", 1)
    return type(error)(message, **{**error.details, "file": found.file, "line": found.line})


def _follow(where: str, documents: Sequence[Located]) -> Located:
    """Return the mapping that `document 3, ports 2` means."""
    first, *steps = where.split(", ")
    found = documents[int(first.rpartition(" ")[2]) - 1]
    for step in steps:
        key, _, number = step.rpartition(" ")
        found = found[key][int(number) - 1]
    return found
