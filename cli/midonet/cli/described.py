"""What YAML files describe, for `apply` and `plan`; and an error's place among them, as file and line."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from midonet.cli import output
from midonet.cli.documents import load
from midonet.events.command import Put
from midonet.events.documents import objects, placed
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
        documents = [document for path in paths for document in objects(path, load(path))]
    if not documents:
        raise InvalidValue(f"{', '.join(paths)}: nothing is described there", files=list(paths))
    try:
        with output.working(f"applying {len(documents):,} documents", long=len(documents) >= _LONG):
            yield Put(list[dict[str, Any]](documents), prune=prune)
    except MidonetError as error:
        raise placed(error, documents) from None


def _size(path: str) -> int:
    return os.stat(path).st_size if os.path.isfile(path) else 0  # noqa: PTH113, PTH116 - a path as it was written
