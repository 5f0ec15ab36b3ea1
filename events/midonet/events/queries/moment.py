"""Moments of a log: how users write them, and where in a sequence of commits they are.

A moment is a position, an RFC 3339 time or a tag. A time means the last commit that is not later; 0 is the empty log. A
tag is a position with the hash that its commit must have.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from midonet.events.commit import Commit, Head, Record
from midonet.events.errors import NotFound, VerificationFailed
from midonet.events.timestamps import utc

_POSITION = re.compile(r"[0-9]{1,18}", re.ASCII)


class Past(Protocol):
    """The times of the commits of a log."""

    @property
    def head(self) -> Head:
        """The end of the log."""

    def head_at(self, position: int) -> Head:
        """Return the head as it was at a position."""

    def position_at(self, time: str, *, before: bool = False) -> int:
        """Return the last position at a time; `before`: just before it."""

    def last_until(self, time: str) -> int:
        """Return the last position whose commit is not later than a time."""


class Moment(Struct, frozen=True):
    """A position, or a time in the form that commits carry; neither: the end of the log."""

    position: int | None = None
    time: str | None = None
    hash: str | None = None
    """Of the commit at the position, if it is known."""
    whole: bool = True
    """Whether all commits come, unchanged; of a part, neither end nor hash can be checked."""

    @property
    def text(self) -> str | None:
        """The moment as text; None for the end of the log."""
        return self.time if self.position is None else str(self.position)

    def includes(self, commit: Commit) -> bool:
        """Return whether the commit belongs to the log as of this moment."""
        if self.position is not None:
            return commit.position <= self.position
        return self.time is None or commit.time <= self.time

    def starts(self, commit: Commit) -> bool:
        """Return whether the commit is at or after this moment."""
        if self.position is not None:
            return commit.position >= self.position
        return self.time is None or commit.time >= self.time

    def has(self, head: Head) -> bool:
        """Return whether the log as of this moment includes this head."""
        if self.position is None:
            return self.time is None or head.time <= self.time
        return head.position < self.position or (head.position == self.position and self.hash in (None, head.hash))

    def position_in(self, past: Past) -> int:
        """Return the position of the log at this moment; errors as of `upto`."""
        end = past.head.position
        if self.position is None:
            return end if self.time is None else past.position_at(self.time)
        if self.position > end:
            raise self._beyond(end)
        if self.hash not in (None, past.head_at(self.position).hash):
            raise self._other()
        return self.position

    def first_in(self, past: Past) -> int:
        """Return the first position that may be at or after this moment."""
        if self.position is not None:
            return self.position
        return 1 if self.time is None else past.position_at(self.time, before=True) + 1

    def last_in(self, past: Past) -> int:
        """Return the last position that may belong to the log as of this moment."""
        if self.position is not None:
            return self.position
        return past.head.position if self.time is None else past.last_until(self.time)

    def upto(self, records: Iterable[Record], last: int = 0) -> Iterator[Record]:
        """Yield the commits that the log had at this moment, where `last` is the position before the first record.

        Raises `NotFound` for a position beyond the end of the log.
        """
        for record in records:
            if not self.includes(record.commit):
                return
            last = record.commit.position
            if self.whole and self.hash not in (None, record.hash) and last == self.position:
                raise self._other()
            yield record
        if self.whole and self.position is not None and self.position > last:
            raise self._beyond(last)

    def _other(self) -> VerificationFailed:
        return VerificationFailed(f"commit {self.position} is not the one that was tagged", position=self.position)

    def _beyond(self, end: int) -> NotFound:
        return NotFound(f"there is no position {self.position}: the log ends at {end}", end=end)


END = Moment()
"""The end of the log, whatever it is."""


def parse(text: str) -> Moment:
    """Return the moment that a text means; `NotFound` if it means none."""
    if _POSITION.fullmatch(text):
        return Moment(position=int(text))
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise NotFound(f"{text!r} has no time zone; write {time.isoformat()}Z", moment=text)
        return Moment(time=utc(time, "microseconds"))
    except (ValueError, OverflowError):
        raise NotFound(f"{text!r} is neither a position nor an RFC 3339 time nor a tag", moment=text) from None
