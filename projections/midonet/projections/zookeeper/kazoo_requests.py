"""Two requests of ZooKeeper's protocol that kazoo does not know, in the form in which it sends requests.

Source: `zookeeper.jute` and `MultiOperationRecord`/`MultiResponse` of ZooKeeper 3.6 and later.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from kazoo.exceptions import EXCEPTIONS, NoAuthError, NoNodeError
from kazoo.protocol.serialization import (
    Create,
    GetData,
    SetData,
    read_buffer,
    stat_struct,
    write_string,
)

_PERSISTENT, _RECURSIVE = struct.pack("!i", 0), struct.pack("!i", 1)
_OPERATION = struct.Struct("!iBi")  # type, whether it was the last, error
_END = _OPERATION.pack(-1, 1, -1)
_INTEGER = struct.Struct("!i")
_FAILED = -1
_VERSION_AT, _ACL_CHANGES_AT = 32, 40
"""Where a node's `Stat` has its `version` and its `aversion`."""


class NodeRead(NamedTuple):
    """What one node holds."""

    data: bytes | None
    """None: there is no node, or it may not be read."""
    guarded: bool = False
    """Whether its access control list was changed since it was made."""


@dataclass(frozen=True, slots=True)
class AddWatch:
    """Watch a path, or also all below it, until the connection ends; answered by nothing."""

    type: ClassVar[int] = 106
    path: str
    recursive: bool = True

    def serialize(self) -> bytes:
        """Return the request's body."""
        return bytes(write_string(self.path) + (_RECURSIVE if self.recursive else _PERSISTENT))

    @staticmethod
    def deserialize(_body: bytes, _offset: int) -> bool:
        """Return that it is done."""
        return True


Operation: TypeAlias = Any
"""One step of a transaction: kazoo's own `Create`, `Delete`, `SetData` or `CheckVersion`, which have no types.

Kazoo's `transaction()` would normalise every path again.
"""


@dataclass(frozen=True, slots=True)
class MultiWrite:
    """Do all of these operations or none; answered by one value for each of them.

    That is the new version of a node that was set, the exception of what failed, else None.
    """

    type: ClassVar[int] = 14
    operations: Sequence[Operation]

    def serialize(self) -> bytes:
        """Return the request's body."""
        parts = [part for each in self.operations for part in (_OPERATION.pack(each.type, 0, -1), each.serialize())]
        return b"".join(parts) + _END

    @classmethod
    def deserialize(cls, body: bytes, offset: int) -> list[Exception | int | None]:
        """Return what became of the operations."""
        return list(cls._results(body, offset))

    @staticmethod
    def _results(body: Any, offset: int) -> Iterator[Exception | int | None]:
        while True:
            kind, last, _ = _OPERATION.unpack_from(body, offset)
            offset += _OPERATION.size
            if last:
                return
            if kind == _FAILED:
                (error,) = _INTEGER.unpack_from(body, offset)
                offset += _INTEGER.size
                yield EXCEPTIONS[error]()
            elif kind == SetData.type:
                (version,) = _INTEGER.unpack_from(body, offset + _VERSION_AT)
                offset += stat_struct.size
                yield version
            else:
                if kind == Create.type:
                    (size,) = _INTEGER.unpack_from(body, offset)
                    offset += _INTEGER.size + size
                yield None


@dataclass(frozen=True, slots=True)
class MultiRead:
    """Read many nodes; answered by what they hold, in the same order."""

    type: ClassVar[int] = 22
    paths: Sequence[str]

    def serialize(self) -> bytes:
        """Return the request's body."""
        operation = _OPERATION.pack(GetData.type, 0, -1)
        return b"".join(operation + GetData(path, None).serialize() for path in self.paths) + _END

    @classmethod
    def deserialize(cls, body: bytes, offset: int) -> list[NodeRead]:
        """Return what was read; raise what kept a node from being read."""
        return list(cls._results(body, offset))

    @staticmethod
    def _results(body: Any, offset: int) -> Iterator[NodeRead]:
        while True:
            kind, last, _ = _OPERATION.unpack_from(body, offset)
            offset += _OPERATION.size
            if last:
                return
            if kind == _FAILED:
                (error,) = _INTEGER.unpack_from(body, offset)
                offset += _INTEGER.size
                if error not in (NoNodeError.code, NoAuthError.code):
                    raise EXCEPTIONS[error]
                yield NodeRead(None, guarded=error == NoAuthError.code)
            else:
                data, offset = read_buffer(body, offset)
                (changes,) = _INTEGER.unpack_from(body, offset + _ACL_CHANGES_AT)
                offset += stat_struct.size
                yield NodeRead(data or b"", guarded=changes > 0)
