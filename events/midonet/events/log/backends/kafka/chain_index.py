"""The index of the chain in the topic: positions, offsets and hashes of the accepted records, and what was skipped.

Pure, so that every order of records can be tested without a broker. Per commit it holds offset, hash and command id,
about 200 bytes; the commits stay in the topic. It may begin at any commit that is known to be in the chain: which
records are accepted after it follows from that commit alone.
"""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable

from msgspec import Struct

from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import Tampered
from midonet.events.log.hash_chain import Skipped, extend
from midonet.events.log.integrity import tampered

_MAX_SKIPPED_HASHES = 10_000
"""How many skipped records are remembered. The rest of a rejected batch follows its first record at once."""

_DIGEST_BYTES = 32


class _Orphan(Struct, frozen=True):
    """A skipped commit whose predecessor was never in the log, and the head at that time."""

    position: int
    head: int


class ChainIndex:
    """The accepted chain of a topic, as far as it was read, from `base` (at `offset`) on."""

    def __init__(self, base: Head = GENESIS, offset: int = -1) -> None:
        self.base = base
        self.head = base
        self.next_offset = offset + 1
        self._base_offset = offset
        self.skipped = 0
        self._offsets = array("q")
        self._hashes = bytearray()
        self._positions: dict[str, int] = {}
        self._skipped_hashes: OrderedDict[str, _Orphan | None] = OrderedDict()

    def add(self, offset: int, raw: bytes) -> Record | None:
        """Add the next record of the topic; return it if it extends the chain, or None if it is skipped.

        Raises `Tampered` for the second of two records that continue each other, but no commit in the log: their
        predecessor was altered.
        """
        outcome = extend(self.head, raw)
        if isinstance(outcome, Skipped):
            self._skip(outcome)
            self.next_offset = offset + 1
            return None
        self.accept(offset, [outcome])
        return outcome

    def accept(self, offset: int, records: Iterable[Record]) -> None:
        """Add records that are known to extend the chain, the first at `offset` and the others after it."""
        for record in records:
            self._offsets.append(offset)
            self._hashes += bytes.fromhex(record.hash)
            self._positions.setdefault(record.commit.id, record.commit.position)
            self.head = record.head
            offset += 1
            self.next_offset = offset

    def hash_at(self, position: int) -> str:
        """Return the hash of an accepted commit; that of `GENESIS` at 0."""
        if position == self.base.position:
            return self.base.hash
        index = position - self.base.position
        return self._hashes[(index - 1) * _DIGEST_BYTES : index * _DIGEST_BYTES].hex()

    def offset_at(self, position: int) -> int:
        """Return the offset in the topic of an accepted commit."""
        index = position - self.base.position
        return self._offsets[index - 1] if index else self._base_offset

    def position_of(self, command_id: str) -> int | None:
        """Return the position of a command's commit."""
        return self._positions.get(command_id)

    def positions_before(self, offset: int) -> int:
        """Return how many accepted commits precede an offset; at least those before the base."""
        return self.base.position + bisect_left(self._offsets, offset)

    def _skip(self, record: Skipped) -> None:
        if record.reason != "not-a-commit":
            self._check_orphan(record)
        self.skipped += 1

    def _check_orphan(self, record: Skipped) -> None:
        """Distinguish the record of a conflicting writer, or a copy, from one whose predecessor is missing."""
        known = record.prev in self._skipped_hashes
        before = self._skipped_hashes.get(record.prev)
        if before is not None and record.position == before.position + 1:
            raise self._broken(before)
        orphan = record.position > self.head.position and not known
        self._skipped_hashes[record.hash] = _Orphan(record.position, self.head.position) if orphan else None
        if len(self._skipped_hashes) > _MAX_SKIPPED_HASHES:
            self._skipped_hashes.popitem(last=False)

    def _broken(self, orphan: _Orphan) -> Tampered:
        """Return the error with the first untrusted position; the successor of the orphan confirms the orphan."""
        following = orphan.head + 1
        if orphan.position > following:
            what = f"commit {following} is missing, but commits from {orphan.position} on are there"
            return tampered(following, what)
        what = f"commit {following} and those after it do not continue the stored commit {orphan.head}"
        return tampered(max(orphan.head, 1), what)
