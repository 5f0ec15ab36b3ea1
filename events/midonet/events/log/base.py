"""The port that every log backend implements; one contract suite runs on all of them.

A log holds raw commit bytes in order and decides nothing about their meaning. An instance belongs to one
thread; open another one for another thread.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import NotFound


class Progress(Struct, frozen=True):
    """A mark in `follow`: the reader has seen everything up to `head`; nothing newer was there."""

    head: Head


class Bookmark(Struct, frozen=True):
    """Where a commit was found once: a cache's hint, never trusted, only tried."""

    position: int
    hash: str
    offset_hint: int | None = None
    """What `Log.offset_hint` said."""


class Log(Protocol):
    """An append-only chain of commits on some backend.

    Every method may raise `Unavailable` when the backend cannot be reached and `Misconfigured` when it is
    set up so that commits could be lost.
    """

    @property
    def url(self) -> str:
        """The address of the log, without any password."""

    @property
    def skipped(self) -> int:
        """How many foreign, corrupt, duplicate or losing records were passed over so far."""

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
        """Yield as `read` does and go on with what is appended later, until `stopped()`.

        A `Progress` mark comes whenever the end is reached, and then every `idle` seconds while nothing
        comes. `stopped` is asked at least every `idle` seconds. Raises as `read`; the caller resumes with
        the last head.
        """

    def append(self, head: Head, batch: Sequence[bytes | Record]) -> int:
        """Append commits that extend `head` in order, durably; return how many of them (≥ 1) were accepted.

        Whoever has read the bytes already gives the record that `extend` made of them, which saves reading them again.

        Fewer than all is possible where a race is lost in the middle of a pipelined batch; the accepted
        ones are a prefix. Raises `HeadMoved` (details `expected`, `actual`, and `commits`: position, id,
        actor, command name of those in between) if none was accepted, `Conflict` if a command id is in the
        log already, `TooLarge` before anything is written, and `OutcomeUnknown` if it cannot be told
        whether the batch arrived: the caller reads to the end and looks for its command ids.
        """

    def find(self, command_id: str) -> Record | None:
        """Return the commit of a command id, or None if the log up to its present end has none."""

    def offset_hint(self, position: int) -> int | None:
        """Return where the backend keeps a commit that was read through this instance, for a `Bookmark`.

        None where the position alone is enough to find it.
        """

    def read_at(self, bookmark: Bookmark) -> Record | None:
        """Return the commit of a bookmark if those very bytes are still there; None if not. It reads nothing else."""

    def seek(self, bookmark: Bookmark) -> bool:
        """Let reading begin at a commit of which somebody knew that it is in the log, and where; False if it is not.

        What comes after it is then read at a cost that does not depend on what came before. What lies before can
        still be asked for, at the cost of reading it all. An append then only knows the command ids from there on:
        who writes with an id that may be in use asks `find` first.
        """

    def close(self) -> None:
        """Release connections; nothing else."""


def commit_at(log: Log, position: int) -> Record:
    """Return the commit at a position; `NotFound` beyond the end of the log, and for 0, where none is."""
    log.head_at(position)
    for record in log.read(log.head_at(position - 1)) if position else ():
        return record
    raise NotFound(f"there is no position {position}", position=position)
