"""The cluster daemon: one feed that follows the log, the services that were found, and pages that tell how they do.

It comes up with what there is. Nothing that is absent, broken or slow (the log, ZooKeeper, a switch, an add-on) keeps
the rest from working, and no end of it removes anything from a target.
"""

import logging
from contextlib import suppress
from http import HTTPStatus
from threading import Event, Thread
from time import monotonic
from typing import Any

from midonet.events.config.settings import hidden
from midonet.events.errors import Misconfigured, Unavailable, UsageError, VerificationFailed
from midonet.events.log import open_log
from midonet.projections.engine.feed import Feed
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.http_pages import HttpServer, Page, Routes, Tls, json_page
from midonet.projections.runtime.logfmt import SILENCE, dead_threads
from midonet.projections.zookeeper.drift_ledger import Ledger
from midonet.services.api.framework import problem_details
from midonet.services.cluster.coordination import Coordination
from midonet.services.cluster.node_presence import Presence, nodes, this_process
from midonet.services.runtime.context import Front
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.runtime.registry import ServiceRegistry
from midonet.services.runtime.writer import Writer
from midonet.services.settings import Settings, node_name, undecided
from midonet.services.telemetry.drift_ledger_writer import RepairsKeeper
from midonet.services.telemetry.metrics import CONTENT_TYPE, Metrics
from midonet.services.telemetry.node_summary import card
from midonet.services.telemetry.overview import Overview, lines, page, reasons

_SHOWN = 20
"""Repairs of each target that the status shows; the ledger has more."""

_STOP_SECONDS = 7.5
"""What does not end by then is left behind: SIGTERM promises ten seconds."""

_ASK_SECONDS = 2.0

_FRESH_SECONDS = 0.1
"""Seconds for which an overview need not be made again."""

_AWAY = "the API is not served at the moment; /readyz says why"
"""What is answered in the API's place until it has borrowed the port."""


class Daemon:
    """Runs from `start` to `stop`; `overview` may be asked by any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process = this_process("")
        self._feed = Feed(lambda: open_log(settings.log))
        self._writer = Writer(lambda: open_log(settings.log))
        self._caught_up = Event()
        self._stopping = Event()
        self._coordination = Coordination(settings.zookeeper, settings.root, node_name(settings))
        self._presence = Presence(self._coordination, self._card)
        self._roster = ServiceRegistry(
            settings, self._feed, self._writer, self._coordination, self._caught_up, self._front
        )
        self._metrics = Metrics(self.overview, self._roster.meters)
        self._repairs = RepairsKeeper(self._hosted, lambda: Ledger(settings.zookeeper, settings.root))
        self._seen, self._seen_at = self.overview(), 0.0
        self._told = monotonic()
        tls = (
            Tls(settings.http_cert, settings.http_key, settings.http_clients_ca)
            if settings.http_cert is not None
            else None
        )
        guarded = ("/status", "/cluster") if settings.auth != "none" else ()
        self.http = HttpServer(settings.http, self.routes(), tls, guarded)

    def _front(self) -> Front:
        return Front(self.http, lambda: page(self.overview()))

    def start(self, url: str) -> None:
        """Follow the log and start the services; returns at once. `url` is where the pages are."""
        self._process = this_process(url)
        self._feed.start()
        self._coordination.start()
        self._presence.start()
        Thread(target=self._await_end, name="first-reading", daemon=True).start()
        for keeper in self._roster.keepers.values():
            keeper.start()
        self._repairs.start()

    @property
    def settled(self) -> bool:
        """Whether it has begun: the log was read, and the views have had their time."""
        return self._roster.settled

    def stop(self) -> None:
        """End all services, at the same time, then the feed; give up on those that take too long."""
        self._stopping.set()
        deadline = monotonic() + _STOP_SECONDS
        keepers = list(self._roster.keepers.values())
        for keeper in keepers:
            keeper.stop()
        for keeper in keepers:
            if not keeper.join(max(0.0, deadline - monotonic())):
                logfmt.log(logging.WARNING, "service did not stop in time", service=keeper.name)
        self._repairs.stop(max(0.0, deadline - monotonic()))
        self._feed.stop()
        self._writer.close()
        self._presence.stop()
        self._coordination.close()

    def tend(self) -> None:
        """Write what has changed into the journal; raise what makes it pointless to go on.

        That is an address that is no log's, and a log that cannot be trusted at the first reading. Later such a log
        is a state to show: what was projected from it is still good.
        """
        error = self._feed.error
        hopeless = (UsageError,) if self._caught_up.is_set() else (UsageError, Misconfigured, VerificationFailed)
        if isinstance(error, hopeless):
            raise error
        for keeper in self._roster.tend():
            logfmt.log(logging.INFO, "service installed", service=keeper.name)
            keeper.start()
        try:
            self._tell()
        except Exception as bug:  # noqa: BLE001 - a daemon that cannot say how it does can still do it
            logfmt.log(logging.ERROR, "no overview", error=repr(bug))

    def _tell(self) -> None:
        before, self._seen, self._seen_at = self._seen, self.overview(), monotonic()
        self._presence.wake()
        for line in lines(before, self._seen):
            logfmt.log(line.level, line.message, **line.fields)
        if (found := reasons(self._seen)) and monotonic() - self._told > SILENCE:
            self._told = monotonic()
            logfmt.log(logging.WARNING, "not ready", reasons="; ".join(found))

    def overview(self) -> Overview:
        """Return how everything is now."""
        keepers, hosted = list(self._roster.keepers.values()), self._hosted()
        return Overview(
            node=self._coordination.node,
            node_error=self._presence.trouble,
            log=hidden(self._settings.log),
            head=self._feed.head,
            log_error=hidden(str(self._feed.error)) if self._feed.error else None,
            caught_up=self._caught_up.is_set(),
            services=tuple(keeper.status() for keeper in keepers),
            projections=tuple(each.report(self._settings.max_lag) for each in hosted),
            costs=tuple(each.costs for each in hosted),
            details={keeper.name: keeper.details() for keeper in keepers},
            drift=tuple(repair for each in hosted for repair in each.repairs.newest(_SHOWN)),
        )

    def _hosted(self) -> list[HostedProjection]:
        return [each for keeper in list(self._roster.keepers.values()) for each in keeper.projections()]

    def routes(self) -> Routes:
        """Return the pages that are served over HTTP."""
        return {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": lambda: Page(self._metrics.render(), CONTENT_TYPE),
            "/status": lambda: json_page(page(self.overview())),
            "/cluster": self._cluster,
            "/v1/": self._away,
        }

    def _away(self) -> Page:
        """Say in the API's place why it is not there."""
        error = Unavailable(undecided(self._settings) or _AWAY)
        return Page(problem_details.encode(error), problem_details.CONTENT_TYPE, HTTPStatus.SERVICE_UNAVAILABLE)

    def _cluster(self) -> Page:
        client = self._coordination.client
        try:
            client.connect(_ASK_SECONDS)
            return json_page({"nodes": nodes(client, self._settings.root)})
        except Unavailable as error:
            return Page(problem_details.encode(error), problem_details.CONTENT_TYPE, problem_details.status_of(error))

    def _card(self) -> dict[str, Any]:
        fresh = monotonic() - self._seen_at < _FRESH_SECONDS
        return card(self._seen if fresh else self.overview(), self._process, self._coordination.leases())

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
            self._roster.settle(self._stopping.is_set)


def _verdict(troubles: list[str]) -> HTTPStatus:
    return HTTPStatus.SERVICE_UNAVAILABLE if troubles else HTTPStatus.OK
