"""The cluster daemon: a feed of the log, the services, and the pages /healthz, /readyz, /metrics, /status and /cluster.

It starts whatever is available: the failure of one part (log, ZooKeeper, a switch, an add-on) does not stop the
others. Stopping or killing it removes nothing from any target.
"""

import logging
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from threading import Event, Thread
from time import monotonic
from typing import Any

from midonet.events.errors import Misconfigured, Unavailable, UsageError, VerificationFailed
from midonet.events.log import open_log
from midonet.events.log.commit_clock import CommitClock, clock_error
from midonet.events.redaction import redact
from midonet.projections.engine.feed import Feed
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.http_pages import HttpServer, Page, Routes, Tls, json_page
from midonet.projections.runtime.logfmt import SILENCE, dead_threads
from midonet.projections.zookeeper.drift_ledger import DriftLedger
from midonet.services.api.framework import problem_details
from midonet.services.cluster.coordination import Coordination
from midonet.services.cluster.node_presence import NodePresence, nodes, this_process
from midonet.services.runtime.context import HttpEndpoint
from midonet.services.runtime.facts_check import facts_check
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.runtime.registry import ServiceRegistry
from midonet.services.runtime.writer import Writer
from midonet.services.settings import Settings, auth_unset_reason, node_name
from midonet.services.telemetry.certificates import certificate_expiries
from midonet.services.telemetry.drift_ledger_writer import DriftLedgerWriter
from midonet.services.telemetry.log_events import log_events
from midonet.services.telemetry.metrics import CONTENT_TYPE, Metrics
from midonet.services.telemetry.node_summary import node_summary
from midonet.services.telemetry.overview import Overview
from midonet.services.telemetry.readiness import reasons
from midonet.services.telemetry.status_document import status_document

_DRIFT_SHOWN = 20
"""Number of drift records per target in `/status`; the ledger has all."""

_STOP_SECONDS = 7.5
"""Seconds after which services that have not stopped are abandoned; the contract allows ten in all."""

_ASK_SECONDS = 2.0

_OVERVIEW_SECONDS = 0.1
"""Seconds for which an overview is reused."""

_API_UNAVAILABLE = "the API is not available; /readyz or the log of the daemon gives the reason"
"""Response below /v1/ until the API has taken over the port."""


class Daemon:
    """Runs from `start` to `stop`; any thread may call `overview`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process = this_process("")
        self._feed = Feed(lambda: open_log(settings.log))
        self._caught_up = Event()
        self._stopping = Event()
        self._coordination = Coordination(settings.zookeeper, settings.root, node_name(settings))
        clock = CommitClock(settings.max_clock_skew, settings.accept_clock)
        self._writer = Writer(lambda: open_log(settings.log), clock, facts_check(self._coordination))
        self._presence = NodePresence(self._coordination, self._summary)
        self._registry = ServiceRegistry(
            settings, self._feed, self._writer, self._coordination, self._caught_up, self._endpoint
        )
        self._metrics = Metrics(self.overview, self._registry.metrics, partial(certificate_expiries, settings))
        self._drift_ledger_writer = DriftLedgerWriter(
            self._hosted, lambda: DriftLedger(settings.zookeeper, settings.root)
        )
        self._latest, self._latest_at = self.overview(), 0.0
        self._logged_at = monotonic()
        tls = (
            Tls(settings.http_cert, settings.http_key, settings.http_clients_ca)
            if settings.http_cert is not None
            else None
        )
        guarded = ("/status", "/cluster") if settings.auth != "none" else ()
        self._detailed = self._details() if settings.auth == "tokens" else {}
        bare = self._bare() if self._detailed else {}
        self.http = HttpServer(settings.http, {**self.routes(), **bare}, tls, guarded)

    def _endpoint(self) -> HttpEndpoint:
        return HttpEndpoint(self.http, lambda: status_document(self.overview()), self._detailed)

    def start(self, url: str) -> None:
        """Follow the log and start the services; returns at once. `url` is the address of the pages."""
        self._process = this_process(url)
        self._feed.start()
        self._coordination.start()
        self._presence.start()
        Thread(target=self._await_log_end, name="first-reading", daemon=True).start()
        for supervisor in self._registry.supervisors.values():
            supervisor.start()
        self._drift_ledger_writer.start()

    @property
    def views_ready(self) -> bool:
        """Whether the log has been read and the first synchronisation of the views has ended."""
        return self._registry.views_ready

    def stop(self) -> None:
        """Stop all services in parallel, then the feed; abandon services that exceed the time limit."""
        self._stopping.set()
        deadline = monotonic() + _STOP_SECONDS
        supervisors = list(self._registry.supervisors.values())
        for supervisor in supervisors:
            supervisor.stop()
        for supervisor in supervisors:
            if not supervisor.join(max(0.0, deadline - monotonic())):
                logfmt.log(logging.WARNING, "service did not stop in time", service=supervisor.name)
        self._drift_ledger_writer.stop(max(0.0, deadline - monotonic()))
        self._feed.stop()
        self._writer.close()
        self._presence.stop()
        self._coordination.close()

    def poll(self) -> None:
        """Log what has changed and start newly installed services; raise errors that end the daemon.

        These are an invalid log URL, and a log that fails verification at the first reading. Later a failed
        verification is only reported, as the views are still valid.
        """
        error = self._feed.error
        fatal = (UsageError,) if self._caught_up.is_set() else (UsageError, Misconfigured, VerificationFailed)
        if isinstance(error, fatal):
            raise error
        for supervisor in self._registry.poll():
            logfmt.log(logging.INFO, "service installed", service=supervisor.name)
            supervisor.start()
        try:
            self._log_changes()
        except Exception as bug:  # noqa: BLE001 - an error of the status must not stop the services
            logfmt.log(logging.ERROR, "no overview", error=repr(bug))

    def _log_changes(self) -> None:
        before, self._latest, self._latest_at = self._latest, self.overview(), monotonic()
        self._presence.wake()
        for line in log_events(before, self._latest):
            logfmt.log(line.level, line.message, **line.fields)
        if (found := reasons(self._latest)) and monotonic() - self._logged_at > SILENCE:
            self._logged_at = monotonic()
            logfmt.log(logging.WARNING, "not ready", reasons="; ".join(found))

    def overview(self) -> Overview:
        """Return the current state."""
        supervisors, hosted = list(self._registry.supervisors.values()), self._hosted()
        caught_up = self._caught_up.is_set()
        return Overview(
            node=self._coordination.node,
            node_error=self._presence.conflict,
            log=redact(self._settings.log),
            head=self._feed.head,
            log_error=redact(str(self._feed.error)) if self._feed.error else None,
            clock_error=clock_error(self._feed.head, self._settings.max_clock_skew) if caught_up else None,
            caught_up=caught_up,
            services=tuple(supervisor.status() for supervisor in supervisors),
            projections=tuple(each.report(self._settings.max_lag) for each in hosted),
            write_metrics=tuple(each.write_metrics for each in hosted),
            details={supervisor.name: supervisor.details() for supervisor in supervisors},
            drift=tuple(repair for each in hosted for repair in each.repairs.newest(_DRIFT_SHOWN)),
        )

    def _hosted(self) -> list[HostedProjection]:
        return [each for supervisor in list(self._registry.supervisors.values()) for each in supervisor.projections()]

    def routes(self) -> Routes:
        """Return the pages by path."""
        return {
            **self._details(),
            "/status": lambda: json_page(status_document(self.overview())),
            "/cluster": self._cluster,
            "/v1/": self._api_unavailable,
        }

    def _details(self) -> Routes:
        """Return the pages that have a bare form."""
        return {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": lambda: Page(self._metrics.render(), CONTENT_TYPE),
        }

    def _bare(self) -> Routes:
        """Return the same pages without addresses and names, for callers who are not authenticated."""
        return {
            "/healthz": lambda: json_page({"alive": not dead_threads()}, _http_status(dead_threads())),
            "/readyz": lambda: json_page({"ready": not self._reasons()}, _http_status(self._reasons())),
            "/metrics": lambda: Page(self._metrics.render_bare(), CONTENT_TYPE),
        }

    def _reasons(self) -> list[str]:
        return reasons(self.overview())

    def _api_unavailable(self) -> Page:
        """Return why the API is not available."""
        error = Unavailable(auth_unset_reason(self._settings) or _API_UNAVAILABLE)
        return Page(problem_details.encode(error), problem_details.CONTENT_TYPE, HTTPStatus.SERVICE_UNAVAILABLE)

    def _cluster(self) -> Page:
        client = self._coordination.client
        try:
            client.connect(_ASK_SECONDS)
            return json_page({"nodes": nodes(client, self._settings.root)})
        except Unavailable as error:
            return Page(problem_details.encode(error), problem_details.CONTENT_TYPE, problem_details.status_of(error))

    def _summary(self) -> dict[str, Any]:
        fresh = monotonic() - self._latest_at < _OVERVIEW_SECONDS
        return node_summary(self._latest if fresh else self.overview(), self._process, self._coordination.leases())

    def _healthz(self) -> Page:
        dead = dead_threads()
        return json_page({"alive": not dead, "dead_threads": dead}, _http_status(dead))

    def _readyz(self) -> Page:
        found = self._reasons()
        return json_page({"ready": not found, "reasons": found}, _http_status(found))

    def _await_log_end(self) -> None:
        with suppress(VerificationFailed):  # it is shown as the log's error
            self._feed.wait_until_read(self._stopping.is_set)
            self._caught_up.set()
            self._registry.wait_for_views(self._stopping.is_set)


def _http_status(troubles: list[str]) -> HTTPStatus:
    return HTTPStatus.SERVICE_UNAVAILABLE if troubles else HTTPStatus.OK
