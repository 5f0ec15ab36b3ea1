"""Read YAML files or standard input; `midonet.events.strict_yaml` parses them."""

import sys
from typing import Any

from midonet.events.errors import UsageError
from midonet.events.strict_yaml import MAX_BYTES, parse


def load(path: str) -> list[Any]:
    """Return the documents of a YAML file (`-` is standard input); without empty ones.

    Raises `UsageError` if the file cannot be read and `InvalidValue`, with file and line, if it is not valid YAML.
    """
    return parse("stdin" if path == "-" else path, read(path))


def read(path: str) -> bytes:
    """Return the content of a file (`-` is standard input); `UsageError` if it cannot be read or is too large."""
    try:
        raw = _read_input() if path == "-" else _read_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: {reason}", file=path) from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; split it", file=path, limit=MAX_BYTES)
    return raw


def _read_input() -> bytes:
    if sys.stdin is None:
        raise ValueError("standard input is closed, or a shell reads its lines from it")
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def _read_file(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib would normalise the path, which errors quote as given
        return file.read(MAX_BYTES + 1)
