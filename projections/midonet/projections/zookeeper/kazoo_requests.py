"""Two requests of ZooKeeper's protocol that kazoo lacks, in kazoo's form of requests.

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
_OPERATION = struct.Struct("!iBi")  # type, whether it was the last one, error
_END = _OPERATION.pack(-1, 1, -1)
_INTEGER = struct.Struct("!i")
_FAILED = -1
_VERSION_AT, _ACL_CHANGES_AT = 32, 40
"""Offsets of `version` and `aversion` in a node's `Stat`."""


class NodeRead(NamedTuple):
    """The data of one node."""

    data: bytes | None
    """None: the node does not exist, or is not readable."""
    guarded: bool = False
    """Whether its access control list was changed since its creation."""


@dataclass(frozen=True, slots=True)
class AddWatch:
    """Watch a path, or also all below it, until the connection ends; the answer is empty."""

    type: ClassVar[int] = 106
    path: str
    recursive: bool = True

    def serialize(self) -> bytes:
        """Return the request's body."""
        return bytes(write_string(self.path) + (_RECURSIVE if self.recursive else _PERSISTENT))

    @staticmethod
    def deserialize(_body: bytes, _offset: int) -> bool:
        """Return True."""
        return True


Operation: TypeAlias = Any
"""One step of a transaction: kazoo's own `Create`, `Delete`, `SetData` or `CheckVersion`, which have no types.

Kazoo's `transaction()` would normalise every path again.
"""


@dataclass(frozen=True, slots=True)
class MultiWrite:
    """Apply all operations or none; the answer has one value for each.

    It is the new version of a node that was set, the exception of a failed operation, else None.
    """

    type: ClassVar[int] = 14
    operations: Sequence[Operation]

    def serialize(self) -> bytes:
        """Return the request's body."""
        parts = [part for each in self.operations for part in (_OPERATION.pack(each.type, 0, -1), each.serialize())]
        return b"".join(parts) + _END

    @classmethod
    def deserialize(cls, body: bytes, offset: int) -> list[Exception | int | None]:
        """Return the results of the operations."""
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
    """Read many nodes; the answer has their data, in the same order."""

    type: ClassVar[int] = 22
    paths: Sequence[str]

    def serialize(self) -> bytes:
        """Return the request's body."""
        operation = _OPERATION.pack(GetData.type, 0, -1)
        return b"".join(operation + GetData(path, None).serialize() for path in self.paths) + _END

    @classmethod
    def deserialize(cls, body: bytes, offset: int) -> list[NodeRead]:
        """Return the data; raise the error of a node that cannot be read."""
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
