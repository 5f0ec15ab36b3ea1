"""Backups: a log, or its beginning, in one file that can be verified and copied to any log.

    {"midonet_backup": 1, "position": 2, "hash": "…", "time": "…"}      header: the end of what is backed up
    231                                                                  length of the first commit in bytes
    {"actor": …}                                                         its raw bytes, and a line break
    …
    {"count": 2, "hash": "…"}                                            footer

The bytes are those of the log, never encoded again. A truncated or altered file is refused as a whole.
"""

from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Literal, NoReturn

import msgspec
from msgspec import Struct

from midonet.events.commit import GENESIS, MAX_COMMIT_BYTES, Head, Record
from midonet.events.errors import NotFound, UsageError, VerificationFailed
from midonet.events.log.copying import Source
from midonet.events.log.hash_chain import extend
from midonet.events.log.integrity import same

_MAX_LINE = 1000
_DIGEST_BYTES = 32


class _Header(Struct, frozen=True):
    position: int
    hash: str
    time: str
    midonet_backup: Literal[1]


class _Footer(Struct, frozen=True):
    count: int
    hash: str


def write_backup(log: Source, file: IO[bytes], step: Callable[[int], None] = lambda _: None) -> Head:
    """Write all commits up to the present end to an empty file; return that end. It is not yet durable."""
    end = log.head()
    _write_line(file, _Header(end.position, end.hash, end.time, 1))
    count, last = 0, GENESIS
    for record in log.read() if end.position else ():
        file.write(b"%d\n%b\n" % (len(record.raw), record.raw))
        count, last = count + 1, record.head
        step(1)
        if count == end.position:
            break
    if not same(last, end):
        raise VerificationFailed(f"the log ended at position {count} while it was read", position=count)
    _write_line(file, _Footer(count, last.hash))
    return end


def _write_line(file: IO[bytes], value: Struct) -> None:
    file.write(msgspec.json.encode(value) + b"\n")


class Backup:
    """A `Source` in a file. Opening it reads and verifies the whole file; per commit it holds offset and hash."""

    def __init__(self, path: Path) -> None:
        """Raise `UsageError` if the file cannot be read, `VerificationFailed` if it is incomplete or altered."""
        self._path = path
        self._offsets = array("q")
        self._hashes = bytearray()
        try:
            self._file = path.open("rb")
            with ExitStack() as stack:
                stack.callback(self.close)
                self._verify()
                stack.pop_all()
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}", file=str(path)) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def head(self) -> Head:
        """Return the end of what was backed up."""
        return self._end

    def head_at(self, position: int) -> Head:
        """Return the head as it was at `position`; `NotFound` beyond the end."""
        if position == 0:
            return GENESIS
        if not 0 < position <= self._end.position:
            raise NotFound(f"there is no position {position}: the backup ends at {self._end.position}")
        return Head(position, self._hashes[(position - 1) * _DIGEST_BYTES : position * _DIGEST_BYTES].hex())

    def read(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield the commits after `after`, each checked once more."""
        head = after
        while head.position < self._end.position:
            self._file.seek(self._offsets[head.position])
            record = self._next(head)
            head = record.head
            yield record

    def _verify(self) -> None:
        header = self._line(_Header)
        head = GENESIS
        while head.position < header.position:
            self._offsets.append(self._file.tell())
            head = self._next(head).head
            self._hashes += bytes.fromhex(head.hash)
        footer = self._line(_Footer)
        if (footer.count, footer.hash) != (header.position, header.hash) or head.hash != header.hash:
            self._refuse(head.position, "does not end with the commit that its header names")
        if self._file.read(1):
            self._refuse(head.position, "has data after its footer")
        self._end = head

    def _next(self, head: Head) -> Record:
        size = self._file.readline(_MAX_LINE).rstrip(b"\n")
        length = int(size) if size.isdigit() else -1
        if not 0 < length <= MAX_COMMIT_BYTES:
            self._refuse(head.position + 1, "is truncated or altered")
        raw = self._file.read(length + 1)
        record = extend(head, raw[:-1])
        if len(raw) != length + 1 or not raw.endswith(b"\n") or not isinstance(record, Record):
            self._refuse(head.position + 1, "is truncated or altered")
        return record

    def _line(self, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(self._file.readline(_MAX_LINE), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            where = "does not start with the header of a backup" if kind is _Header else "is truncated or altered"
            self._refuse(len(self._offsets), where)

    def _refuse(self, position: int, reason: str) -> NoReturn:
        raise VerificationFailed(
            f"{self._path} {reason} (position {position}); nothing was restored",
            file=str(self._path),
            position=position,
        )
