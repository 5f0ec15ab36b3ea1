"""Queries on the history index of the cluster (`--history`).

The index only finds positions; every commit is read from the log. Without an index, or with one that is behind or
corrupt, the log is read from its beginning.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import TypeVar

from midonet.events.errors import Diverged, LostCommits
from midonet.events.log import Log
from midonet.events.model import KINDS
from midonet.events.queries.moment import Moment
from midonet.projections.history_index.backend import Unusable
from midonet.projections.history_index.factory import open_database
from midonet.projections.history_index.index import Index
from midonet.projections.history_index.names import NamesAt
from midonet.projections.history_index.reader import IndexReader

T = TypeVar("T")

_TAIL = 2_000
"""Maximum number of commits after the checkpoint of the index; these are scanned."""


def query_index(url: str | None, log: Log, answer: Callable[[IndexReader], T], scan: Callable[[], T]) -> T:
    """Return the answer of the index at `url`; the result of `scan` if there is no usable index."""
    if url is not None:
        try:
            with _opened(url, log) as past:
                if past is not None:
                    return answer(past)
        except (Unusable, Diverged, LostCommits):
            pass  # the scan raises the error if the log is the cause
    return scan()


@contextmanager
def _opened(url: str, log: Log) -> Iterator[IndexReader | None]:
    with closing(open_database(url, write=False)) as database:
        index = Index(database)
        checkpoint = index.checkpoint()
        if checkpoint is None or (checkpoint.head.position and not log.seek(checkpoint.bookmark)):
            yield None
            return
        tail = list(islice(log.read(checkpoint.head), _TAIL + 1))
        yield IndexReader(index, checkpoint, tail, log.read_at) if len(tail) <= _TAIL else None


def key_of(past: IndexReader, moment: Moment, ref: str) -> str:
    """Return the key of an object, deleted ones included, by reference; raises the errors of `Names.find`."""
    upto = moment.position_in(past)
    found = past.matches(ref, upto, KINDS)
    return found[0] if len(found) == 1 else NamesAt(past, upto).find(ref)
