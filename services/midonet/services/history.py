"""The service `history`: keeps an index of the log, so that questions about the past need not read it all.

It does nothing unless the setting `history` says where. `midoctl --history` with the same address uses it.
"""

import time
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from midonet.events.log import open_log
from midonet.events.settings import hidden
from midonet.projections.feed import Feed
from midonet.projections.history.database import open_database
from midonet.projections.history.target import HistoryProjection, HistoryTarget
from midonet.services.context import Context
from midonet.services.hosting import Hosted, Report
from midonet.services.service import Service

__all__ = ["HistoryService"]


class HistoryService(Service):
    """One runner, if there is an index to keep."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        url = context.settings.history
        self._hosted = _Indexing(context, url) if url is not None else None

    def start(self) -> None:
        """Begin to keep the index."""
        if self._hosted is not None:
            self._hosted.start()

    def stop(self) -> None:
        """Leave the index as it is."""
        if self._hosted is not None:
            self._hosted.stop()

    def projections(self) -> Sequence[Hosted]:
        """Return the index, if there is one."""
        return (self._hosted,) if self._hosted is not None else ()


class _Indexing(Hosted):
    """A first index takes minutes on a long log: meanwhile it is told how far it is."""

    def __init__(self, context: Context, url: str) -> None:
        self._feed: Feed = context.feed
        self._index = HistoryTarget(lambda: open_log(context.settings.log), lambda: open_database(url, write=True))
        interval = context.settings.reconcile_interval
        super().__init__(context.feed, HistoryProjection(), self._index, hidden(url), reconcile_interval=interval)

    def stop(self) -> None:
        """Leave the index as it is."""
        self._index.stop()
        super().stop()

    def report(self, max_lag: float) -> Report:
        """Return how it stands, also in the middle of a long write."""
        report = super().report(max_lag)
        if report.state != "stalled" or not self._index.writing:
            return report
        position = self._index.position
        return replace(
            report,
            state="catching-up",
            position=position,
            lag_events=max(0, self._feed.head.position - position),
            lag_seconds=self._age(position),
            last_error=None,
        )

    def _age(self, position: int) -> float:
        """Return how many seconds ago the first commit was made that the index lacks, as far as that is known."""
        moment = self._feed.next_after(position).time
        return round(max(0.0, time.time() - datetime.fromisoformat(moment).timestamp()), 3) if moment else 0.0
