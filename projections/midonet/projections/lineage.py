"""Lineage: whether the log holds the commit that a target has seen.

What is not of the log may never be written over: a target that is ahead of it, or of another history, is the only
witness of commits that the log has lost, until people have resolved that. Reads the feed, and writes nothing.
"""

from collections.abc import Callable

from midonet.events.errors import Diverged, LostCommits
from midonet.projections.base import Checkpoint
from midonet.projections.engine.feed import Feed

__all__ = ["check_lineage"]


def check_lineage(feed: Feed, checkpoint: Checkpoint, stopped: Callable[[], bool]) -> None:
    """Wait until the feed is where a target is, or `stopped`.

    Raises `LostCommits` if the log ends before that, `Diverged` if it has another commit at that position.
    """
    if not feed.reach(checkpoint.position, stopped):
        end = feed.head.position
        raise LostCommits(
            f"the target has seen commit {checkpoint.position}, but the log ends at {end}; it is "
            "left as it is until the log has its commits back",
            checkpoint=checkpoint.position,
            head=end,
        )
    known = feed.head_at(checkpoint.position)
    if known.hash != checkpoint.hash:
        raise Diverged(
            f"the target has seen another commit {checkpoint.position} than the log has; it is "
            "left as it is: they belong to different histories",
            position=checkpoint.position,
            target=checkpoint.hash,
            log=known.hash,
        )
