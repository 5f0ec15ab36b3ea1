"""Copy a log to another one on any backend: the same bytes, so the same chain and the same hashes.

The target is empty or holds the beginning of the source; the copy continues from there, so an interrupted copy is
resumed by running it again. Nothing that the target holds is ever overwritten.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import Conflict, NotFound, VerificationFailed
from midonet.events.log.base import Log
from midonet.events.log.integrity import same

_BATCH = 500
_BATCH_BYTES = 4 * 1024 * 1024


class Source(Protocol):
    """What can be copied: a `Log`, or a backup of one."""

    def head(self) -> Head:
        """Return its end."""

    def head_at(self, position: int) -> Head:
        """Return the head as it was at `position`."""

    def read(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield the commits after `after`, each checked by the chain rule."""


class Beginning:
    """A source up to an earlier head: what a log is restored to."""

    def __init__(self, source: Source, end: Head) -> None:
        """`end` is a head that the source has had."""
        self._source = source
        self._end = end

    def head(self) -> Head:
        """Return the end."""
        return self._end

    def head_at(self, position: int) -> Head:
        """Return the head as it was at `position`; `NotFound` beyond the end."""
        if position > self._end.position:
            raise NotFound(f"there is no position {position}: only commits up to {self._end.position} are wanted")
        return self._source.head_at(position)

    def read(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield the commits after `after` up to the end."""
        if after.position >= self._end.position:
            return
        for record in self._source.read(after):
            yield record
            if record.commit.position == self._end.position:
                return


def copy(source: Source, target: Log, step: Callable[[int], None] = lambda _: None) -> int:
    """Append to `target` the commits of `source` that it lacks; return their number.

    `step` is called with the number of commits after each batch. Raises `Conflict`, with both positions and the last
    common one, if the target holds anything that the source does not.
    """
    head, end = target.head(), source.head()
    _check_prefix(source, target, head, end)
    start = head
    for batch in _batches(source.read(head)):
        head = _append(target, head, batch)
        step(len(batch))
    if not same(target.head(), head):
        raise VerificationFailed(f"the copy ends at position {target.head().position}, not at {head.position}")
    return head.position - start.position


def _check_prefix(source: Source, target: Log, head: Head, end: Head) -> None:
    if head.position <= end.position and same(source.head_at(head.position), head):
        return
    common = _last_in_common(source, target, min(head.position, end.position))
    raise Conflict(
        f"the target is at position {head.position} and is not a prefix of the source, which is at {end.position}: "
        f"they are the same up to position {common}",
        source=end.position,
        target=head.position,
        common=common,
    )


def _last_in_common(source: Source, target: Log, most: int) -> int:
    """Return the last position up to which two chains are the same: equal hashes mean equal beginnings."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if same(source.head_at(middle), target.head_at(middle)):
            low = middle
        else:
            high = middle - 1
    return low


def _batches(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.raw)
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _append(target: Log, head: Head, batch: Sequence[Record]) -> Head:
    """Append a batch, in parts if the target accepts it so; `HeadMoved` if another client writes to the target."""
    rest = list(batch)
    while rest:
        accepted = target.append(head, rest)
        head = rest[accepted - 1].head
        del rest[:accepted]
    return head
