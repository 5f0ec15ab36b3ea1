"""The service `history`: maintains the history index, which answers queries about the past without a scan of the log.

It runs only if the setting `history` names the index. `midoctl --history` with the same URL uses the index.
"""

import time
from datetime import datetime

from msgspec.structs import replace

from midonet.events.log import open_log
from midonet.events.redaction import redact
from midonet.projections.engine.feed import Feed
from midonet.projections.history_index.factory import open_database
from midonet.projections.history_index.target import HistoryProjection, HistoryTarget
from midonet.services.runtime.context import Context
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.runtime.projection_report import ProjectionReport
from midonet.services.runtime.service import ProjectionService
from midonet.services.settings import Settings


class HistoryService(ProjectionService):
    """Runs the projection into the history index."""

    @classmethod
    def disabled_reason(cls, settings: Settings) -> str | None:
        """Return that no index is configured, if so."""
        return None if settings.history else "no history index is configured (--history URL)"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.hosted = _Indexing(context, str(context.settings.history))


class _Indexing(HostedProjection):
    """A projection that reports progress during a long write: the first index of a long log takes minutes."""

    def __init__(self, context: Context, url: str) -> None:
        self._feed: Feed = context.feed
        self._index = HistoryTarget(lambda: open_log(context.settings.log), lambda: open_database(url, write=True))
        super().__init__(context.feed, HistoryProjection(), self._index, redact(url), context.settings)

    def stop(self) -> None:
        """Stop; the index remains unchanged."""
        self._index.stop()
        super().stop()

    def report(self, max_lag: float) -> ProjectionReport:
        """Return the current state, also during a long write."""
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
        """Return the age in seconds of the first commit that the index lacks; 0 if unknown."""
        moment = self._feed.next_after(position).time
        return round(max(0.0, time.time() - datetime.fromisoformat(moment).timestamp()), 3) if moment else 0.0
