"""Metrics of requests by route, method and class of the status; never by path, which clients choose."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from starlette.responses import Response

from midonet.services.runtime.service_metrics import ServiceMetrics

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_LABELS = ("route", "method", "status")


class Observed:
    """A request that is being answered."""

    response: Response | None = None


class RequestMetrics:
    """The histogram `midonet_api_request_seconds`, whose counts are rate and errors, and the requests in progress."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        text = "Time to the beginning of the response, by declared path, method and class of the status."
        self._seconds = metrics.histogram("request_seconds", text, _LABELS)
        self._running = metrics.gauge("requests_in_progress", "Requests that are being answered.")

    @contextmanager
    def observing(self, scope: Mapping[str, Any]) -> Iterator[Observed]:
        """Measure a request; the caller sets its response."""
        begun, observed = perf_counter(), Observed()
        with self._running.track_inprogress():
            yield observed
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status = f"{observed.response.status_code // 100}xx" if observed.response is not None else "none"
        labels = (scope.get("midonet.route", "unmatched"), method, status)
        self._seconds.labels(*labels).observe(perf_counter() - begun)
