"""Two requests of ZooKeeper's protocol that kazoo does not know, in the form in which it sends requests.

Source: `zookeeper.jute` and `MultiOperationRecord`/`MultiResponse` of ZooKeeper 3.6 and later.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kazoo.exceptions import EXCEPTIONS, NoNodeError
from kazoo.protocol.serialization import GetData, read_buffer, stat_struct, write_string

__all__ = ["AddWatch", "MultiRead"]

_PERSISTENT_RECURSIVE = struct.pack("!i", 1)
_OPERATION = struct.Struct("!iBi")  # type, whether it was the last, error
_END = _OPERATION.pack(-1, 1, -1)
_ERROR = struct.Struct("!i")
_FAILED = -1


@dataclass(frozen=True, slots=True)
class AddWatch:
    """Watch a path and all below it until the connection ends; answered by nothing."""

    type: ClassVar[int] = 106
    path: str

    def serialize(self) -> bytes:
        """Return the request's body."""
        return bytes(write_string(self.path) + _PERSISTENT_RECURSIVE)

    @staticmethod
    def deserialize(_body: bytes, _offset: int) -> bool:
        """Return that it is done."""
        return True


@dataclass(frozen=True, slots=True)
class MultiRead:
    """Read many nodes; answered by their data in the same order, None where there is no node."""

    type: ClassVar[int] = 22
    paths: Sequence[str]

    def serialize(self) -> bytes:
        """Return the request's body."""
        operation = _OPERATION.pack(GetData.type, 0, -1)
        return b"".join(operation + GetData(path, None).serialize() for path in self.paths) + _END

    @classmethod
    def deserialize(cls, body: bytes, offset: int) -> list[bytes | None]:
        """Return what was read; raise what kept a node from being read."""
        return list(cls._results(body, offset))

    @staticmethod
    def _results(body: Any, offset: int) -> Iterator[bytes | None]:
        while True:
            kind, last, _ = _OPERATION.unpack_from(body, offset)
            offset += _OPERATION.size
            if last:
                return
            if kind == _FAILED:
                (error,) = _ERROR.unpack_from(body, offset)
                offset += _ERROR.size
                if error != NoNodeError.code:
                    raise EXCEPTIONS[error]
                yield None
            else:
                data, offset = read_buffer(body, offset)
                offset += stat_struct.size
                yield data
