"""How the index of a host is cut into parts where it would be more than a node of ZooKeeper holds.

An index that is too long names its parts, which are nodes beside it, and these name the documents. Which part names a
document follows from its path alone, so that a document that comes or goes rewrites one part, as long as their number
does not change. Pure.
"""

from collections.abc import Iterator, Sequence
from zlib import crc32

MAX_BYTES = 900_000
"""An index of one node is no longer than this; ZooKeeper takes 1 MiB with everything around."""

_HOST = len("hosts/00000000-0000-0000-0000-000000000000")
_QUOTED = len('"",')


def split(key: str) -> tuple[str, int | None]:
    """Return the index that a key belongs to, and which part of it the key is; None: the index itself."""
    return key[:_HOST], int(key[_HOST + 1 :], 16) if len(key) > _HOST else None


def parts(index: str, number: int) -> Iterator[str]:
    """Yield the keys of so many parts of an index."""
    return (f"{index}-{part:x}" for part in range(number))


def count(size: int, limit: int) -> int:
    """Return how many parts an index of so many bytes has; 0 if it needs none.

    They are a power of two, and half full at most, since hashes do not spread evenly.
    """
    return 0 if size <= limit else 1 << (2 * size // limit).bit_length()


def share(key: str, base: str, documents: Sequence[str], limit: int) -> list[str] | None:
    """Return which paths the node of a key names, of an index of all these `documents`; None if there is no such part.

    `base` is the path of the generation, below which the documents are, too.
    """
    index, part = split(key)
    number = count(sum(map(len, documents)) + len(documents) * _QUOTED, limit)
    if part is None:
        return [f"{base}/{each}" for each in parts(index, number)] or list(documents)
    return [each for each in documents if crc32(each.encode()) % number == part] if part < number else None
