"""The cluster daemon: one feed that follows the log, the services that were found, and pages that tell how they do.

It comes up with what there is. Nothing that is absent, broken or slow (the log, ZooKeeper, a switch, an add-on) keeps
the rest from working, and no end of it removes anything from a target.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from importlib.metadata import entry_points
from threading import Event, Thread
from time import monotonic

from midonet.events.errors import Misconfigured, UsageError, VerificationFailed
from midonet.events.log import open_log
from midonet.events.settings import hidden
from midonet.projections.feed import Feed
from midonet.services.context import Context
from midonet.services.http import HttpServer, Page, Routes, Tls, json_page
from midonet.services.journal import SILENCE, dead_threads, note
from midonet.services.keeper import Keeper
from midonet.services.metrics import CONTENT_TYPE, Metrics
from midonet.services.overview import Overview, lines, page, reasons
from midonet.services.service import GROUP
from midonet.services.settings import Settings
from midonet.services.writer import Writer

__all__ = ["Daemon"]

_STOP_SECONDS = 7.5
"""What does not end by then is left behind: SIGTERM promises ten seconds."""


_AWAY = {
    "code": "unavailable",
    "detail": "the API is not served at the moment; /readyz says why",
    "details": {},
    "status": HTTPStatus.SERVICE_UNAVAILABLE,
    "title": HTTPStatus.SERVICE_UNAVAILABLE.phrase,
    "type": "urn:midonet:error:unavailable",
}
"""What is answered in the API's place until it has borrowed the port."""


class Daemon:
    """Runs from `start` to `stop`; `overview` may be asked by any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._feed = Feed(lambda: open_log(settings.log))
        self._writer = Writer(lambda: open_log(settings.log))
        self._caught_up = Event()
        self._stopping = Event()
        self._metrics = Metrics(self.overview)
        self._keepers: dict[str, Keeper] = {}
        for entry in entry_points(group=GROUP):
            self._keepers[entry.name] = Keeper(
                entry.name, entry.load, partial(self._context, entry.name), self._keepers
            )
        self._seen = self.overview()
        self._told = monotonic()
        tls = Tls(settings.http_cert, settings.http_key) if settings.http_cert is not None else None
        self.http = HttpServer(settings.http, self.routes(), tls)

    def _context(self, name: str, crashed: Callable[[BaseException], None]) -> Context:
        return Context(
            settings=self._settings,
            feed=self._feed,
            crashed=crashed,
            http=self.http,
            status=lambda: page(self.overview()),
            name=name,
            writer=self._writer,
        )

    def start(self) -> None:
        """Follow the log and start the services; returns at once."""
        self._feed.start()
        Thread(target=self._await_end, name="first-reading", daemon=True).start()
        for keeper in self._keepers.values():
            keeper.start()

    def stop(self) -> None:
        """End all services, at the same time, then the feed; give up on those that take too long."""
        self._stopping.set()
        deadline = monotonic() + _STOP_SECONDS
        for keeper in self._keepers.values():
            keeper.stop()
        for keeper in self._keepers.values():
            if not keeper.join(max(0.0, deadline - monotonic())):
                note(logging.WARNING, "service did not stop in time", service=keeper.name)
        self._feed.stop()
        self._writer.close()

    def tend(self) -> None:
        """Write what has changed into the journal; raise what makes it pointless to go on.

        That is an address that is no log's, and a log that cannot be trusted at the first reading. Later such a log
        is a state to show: what was projected from it is still good.
        """
        error = self._feed.error
        hopeless = (UsageError,) if self._caught_up.is_set() else (UsageError, Misconfigured, VerificationFailed)
        if isinstance(error, hopeless):
            raise error
        try:
            self._tell()
        except Exception as bug:  # noqa: BLE001 - a daemon that cannot say how it does can still do it
            note(logging.ERROR, "no overview", error=repr(bug))

    def _tell(self) -> None:
        before, self._seen = self._seen, self.overview()
        for line in lines(before, self._seen):
            note(line.level, line.message, **line.fields)
        if (found := reasons(self._seen)) and monotonic() - self._told > SILENCE:
            self._told = monotonic()
            note(logging.WARNING, "not ready", reasons="; ".join(found))

    def overview(self) -> Overview:
        """Return how everything is now."""
        hosted = [each for keeper in self._keepers.values() for each in keeper.projections()]
        return Overview(
            log=hidden(self._settings.log),
            head=self._feed.head,
            log_error=hidden(str(self._feed.error)) if self._feed.error else None,
            caught_up=self._caught_up.is_set(),
            services=tuple(keeper.status() for keeper in self._keepers.values()),
            projections=tuple(each.report(self._settings.max_lag) for each in hosted),
            costs=tuple(each.costs for each in hosted),
            details={keeper.name: keeper.details() for keeper in self._keepers.values()},
            gauges=tuple(gauge for keeper in self._keepers.values() for gauge in keeper.gauges()),
        )

    def routes(self) -> Routes:
        """Return the pages that are served over HTTP."""
        return {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": lambda: Page(self._metrics.render(), CONTENT_TYPE),
            "/status": lambda: json_page(page(self.overview())),
            "/v1/": lambda: json_page(_AWAY, HTTPStatus.SERVICE_UNAVAILABLE),
        }

    def _healthz(self) -> Page:
        dead = dead_threads()
        return json_page({"alive": not dead, "dead_threads": dead}, _verdict(dead))

    def _readyz(self) -> Page:
        found = reasons(self.overview())
        return json_page({"ready": not found, "reasons": found}, _verdict(found))

    def _await_end(self) -> None:
        with suppress(VerificationFailed):  # it is shown as the log's error
            self._feed.caught_up(self._stopping.is_set)
            self._caught_up.set()


def _verdict(troubles: list[str]) -> HTTPStatus:
    return HTTPStatus.SERVICE_UNAVAILABLE if troubles else HTTPStatus.OK
