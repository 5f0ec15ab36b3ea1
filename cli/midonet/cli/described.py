"""What YAML files describe, for `apply` and `plan`; and an error's place among them, as file and line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from midonet.cli.documents import Located, load
from midonet.cli.progress import progress
from midonet.events.command import Put
from midonet.events.errors import InvalidValue, MidonetError, UsageError

__all__ = ["describing"]


@contextmanager
def describing(paths: Sequence[str], *, prune: bool) -> Iterator[Put]:
    """Yield the operation that files ask for; errors raised inside name file and line."""
    if not paths:
        raise UsageError("which file? give at least one -f FILE")
    with progress("reading"):
        documents = [document for path in paths for document in _objects(path)]
    if not documents:
        raise InvalidValue(f"{', '.join(paths)}: nothing is described there", files=list(paths))
    try:
        with progress(f"deciding on {len(documents):,} documents"):
            yield Put(documents, prune=prune)
    except MidonetError as error:
        raise _placed(error, documents) from None


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
