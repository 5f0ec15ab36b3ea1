"""Splits the index of a host into parts if it exceeds the size of a ZooKeeper node.

An index that is too long lists its parts, which are nodes beside it, and the parts list the documents. The part of a
document is computed from its path alone, so adding or removing a document rewrites one part, as long as the number of
parts does not change. Pure.
"""

from collections.abc import Iterator, Sequence
from zlib import crc32

MAX_BYTES = 900_000
"""Maximum bytes of an index in one node; the limit of ZooKeeper is 1 MiB for a whole request."""

_HOST = len("hosts/00000000-0000-0000-0000-000000000000")
_QUOTED = len('"",')


def split(key: str) -> tuple[str, int | None]:
    """Return the index of a key, and the number of the part; None: the index itself."""
    return key[:_HOST], int(key[_HOST + 1 :], 16) if len(key) > _HOST else None


def parts(index: str, number: int) -> Iterator[str]:
    """Yield the keys of the parts of an index."""
    return (f"{index}-{part:x}" for part in range(number))


def count(size: int, limit: int) -> int:
    """Return the number of parts of an index of so many bytes; 0 if one node is enough.

    It is a power of two, and parts are at most half full on average, since hashes are not evenly distributed.
    """
    return 0 if size <= limit else 1 << (2 * size // limit).bit_length()


def share(key: str, base: str, documents: Sequence[str], limit: int) -> list[str] | None:
    """Return the paths that the node of a key lists, for an index of `documents`; None if there is no such part.

    `base` is the path of the generation, which is also the parent of the documents.
    """
    index, part = split(key)
    number = count(sum(map(len, documents)) + len(documents) * _QUOTED, limit)
    if part is None:
        return [f"{base}/{each}" for each in parts(index, number)] or list(documents)
    return [each for each in documents if crc32(each.encode()) % number == part] if part < number else None
