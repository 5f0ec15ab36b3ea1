"""Looking up single commits."""

from midonet.events.commit import Record
from midonet.events.errors import NotFound
from midonet.events.log.base import Log

__all__ = ["commit_at"]


def commit_at(log: Log, position: int) -> Record:
    """Return the commit at a position; `NotFound` beyond the end of the log, and for 0, where none is."""
    log.head_at(position)
    for record in log.read(log.head_at(position - 1)) if position else ():
        return record
    raise NotFound(f"there is no position {position}", position=position)
