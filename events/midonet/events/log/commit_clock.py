"""The time of a new commit, and whether the clocks behind the times of a log can be trusted.

A commit is never earlier than the one before it (contract §1). A clock that runs ahead once would therefore freeze the
times of all later commits, so such a commit is refused.
"""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from midonet.events.commit import Head
from midonet.events.errors import ClockSkew
from midonet.events.timestamps import utc

MAX_SKEW_SECONDS = 300.0
"""How far the last commit may be ahead of this machine's clock."""
MAX_PAUSE = timedelta(days=366)
"""A clock that is further ahead of the last commit is taken to be wrong: logs rarely pause for a year."""


class CommitClock(Struct, frozen=True):
    """How a writer dates its commits."""

    max_skew: float = MAX_SKEW_SECONDS
    accept: bool = False
    """Whether to write whatever the times are; a commit is then dated as the last one, if that is later."""

    def time_after(self, head: Head) -> str:
        """Return the time of a commit after `head`; `ClockSkew` if one of the two clocks is wrong."""
        now = datetime.now(UTC)
        found = None if self.accept else clock_error(head, self.max_skew, now)
        if found is not None:
            raise ClockSkew(
                f"{found}; correct the clock, or write with --accept-clock (daemons: accept_clock)",
                position=head.position,
                time=head.time,
                clock=utc(now, "microseconds"),
            )
        return max(utc(now, "microseconds"), head.time)


def clock_error(head: Head, max_skew: float = MAX_SKEW_SECONDS, now: datetime | None = None) -> str | None:
    """Return how the time of a head and this machine's clock (`now`) contradict each other; None if they do not."""
    now = now or datetime.now(UTC)
    if not head.position:
        return None
    try:
        since = now - datetime.fromisoformat(head.time)
    except (ValueError, TypeError):
        return f"the time of commit {head.position}, {head.time!r}, is not an RFC 3339 time"
    clock = utc(now, "seconds")
    if since < -timedelta(seconds=max_skew):
        return f"commit {head.position} is dated {head.time}, which is ahead of this machine's clock ({clock})"
    if since > MAX_PAUSE:
        return f"this machine's clock ({clock}) is {since.days:,} days ahead of commit {head.position} ({head.time})"
    return None


def is_ahead(head: Head) -> bool:
    """Return whether a head is dated further ahead of this machine's clock than clocks usually differ."""
    return bool(head.position) and head.time > utc(datetime.now(UTC) + timedelta(seconds=MAX_SKEW_SECONDS))
