"""Write files atomically: complete and durable, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from midonet.events.errors import UsageError


@contextmanager
def atomic_write(path: str) -> Iterator[IO[bytes]]:
    """Yield a temporary file that replaces `path` once it is complete and durable.

    Raises `UsageError` if it cannot be written.
    """
    target = Path(path)
    try:
        with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(target)
            except BaseException:
                with suppress(OSError):
                    Path(file.name).unlink()
                raise
        _sync_folder(target.parent)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", file=path) from None


def _sync_folder(folder: Path) -> None:
    """Make the rename durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
