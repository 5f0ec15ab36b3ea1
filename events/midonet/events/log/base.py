"""The protocol of log backends; one contract suite tests all of them.

A log stores raw commit bytes in order and does not interpret them. An instance belongs to one thread; open another one
for another thread.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import NotFound


class Progress(Struct, frozen=True):
    """A mark in `follow`: the reader has everything up to `head`, the end of the log."""

    head: Head


class Bookmark(Struct, frozen=True):
    """Where a commit was found earlier. It is a hint and is always checked."""

    position: int
    hash: str
    offset_hint: int | None = None
    """The result of `Log.offset_hint`."""


class Log(Protocol):
    """An append-only chain of commits on some backend.

    Every method may raise `Unavailable` when the backend cannot be reached and `Misconfigured` when it is
    set up so that commits could be lost.
    """

    @property
    def url(self) -> str:
        """The URL of the log, without any password."""

    @property
    def skipped(self) -> int:
        """How many foreign, corrupt, duplicate or conflicting records were skipped so far."""

    def head(self) -> Head:
        """Return the end of the log as of now."""

    def head_at(self, position: int) -> Head:
        """Return the head as it was at `position` (0 is `GENESIS`); `NotFound` beyond the end."""

    def read(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield the accepted commits after `after`, up to the end as of now, each checked by the chain rule.

        Raises `Tampered` at the first bad position, `LostCommits` if the log ends before `after`, and
        `Diverged` if the log holds another commit than `after` at its position.
        """

    def follow(self, after: Head, *, stopped: Callable[[], bool], idle: float = 1.0) -> Iterator[Record | Progress]:
        """Yield as `read` does, and continue with what is appended later, until `stopped()`.

        Yields `Progress` whenever the end is reached, and then every `idle` seconds while nothing is appended.
        `stopped` is called at least every `idle` seconds. Raises as `read`; the caller resumes with the last head.
        """

    def append(self, head: Head, batch: Sequence[bytes | Record]) -> int:
        """Append commits that extend `head` in order, durably; return how many of them (≥ 1) were accepted.

        A caller that has parsed the bytes passes the record that `extend` returned, which saves parsing them again.

        The accepted commits are a prefix: another writer may append between the parts of a pipelined batch. Raises
        `HeadMoved` (details `expected`, `actual`, and `commits`: position, id, actor, command name of those in between)
        if none was accepted, `Conflict` if a command id is in the log already, `TooLarge` before anything is written,
        and `OutcomeUnknown` if it is not known whether the batch arrived: the caller then reads to the end and looks up
        its command ids.
        """

    def find(self, command_id: str) -> Record | None:
        """Return the commit of a command id, or None if the log has none up to its present end."""

    def offset_hint(self, position: int) -> int | None:
        """Return where the backend stores a commit that was read through this instance, for a `Bookmark`.

        None where the position alone is enough to find it.
        """

    def read_at(self, bookmark: Bookmark) -> Record | None:
        """Return the commit of a bookmark if those very bytes are still there, else None. It reads nothing else."""

    def seek(self, bookmark: Bookmark) -> bool:
        """Start reading at the commit of a bookmark; return False if the log does not have it there.

        Reading what follows then costs nothing for what precedes. What precedes can still be read, at the cost of
        reading all of it. An append only checks command ids from there on: a caller whose id may be in use calls `find`
        first.
        """

    def close(self) -> None:
        """Release connections; nothing else."""


def commit_at(log: Log, position: int) -> Record:
    """Return the commit at a position; `NotFound` beyond the end of the log, and for 0."""
    log.head_at(position)
    for record in log.read(log.head_at(position - 1)) if position else ():
        return record
    raise NotFound(f"there is no position {position}", position=position)
