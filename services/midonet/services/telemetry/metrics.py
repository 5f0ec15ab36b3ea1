"""The daemon's Prometheus metrics, computed from its overview at every scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import accumulate
from platform import python_version
from typing import get_args

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from midonet.projections.engine import status
from midonet.projections.engine.drift import Kind
from midonet.services.runtime.projection_report import BUCKETS, ProjectionReport
from midonet.services.runtime.service_metrics import ServiceMetrics
from midonet.services.runtime.supervisor import ServiceStatus
from midonet.services.telemetry.overview import Overview

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAMING = frozenset({"target", "vtep", "node"})
"""Labels with addresses and names."""
_STATES: tuple[str, ...] = get_args(status.State)


class Metrics:
    """Renders the overview and the metrics of all enabled services."""

    def __init__(
        self,
        overview: Callable[[], Overview],
        metrics: Mapping[str, ServiceMetrics],
        certificates: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(overview, metrics, certificates))
        PlatformCollector(self._registry)
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def render_bare(self) -> bytes:
        """Return the metrics that name no target and no node: for callers who are not authenticated."""
        bare = CollectorRegistry()
        bare.register(_Bare(self._registry))
        return generate_latest(bare)


class _Bare(Collector):
    def __init__(self, whole: CollectorRegistry) -> None:
        self._whole = whole

    def describe(self) -> Iterable[Metric]:
        """Return nothing, as below."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics without a naming label."""
        for family in self._whole.collect():
            if not any(_NAMING & sample.labels.keys() for sample in family.samples):
                yield family


class _Collector(Collector):
    def __init__(
        self,
        overview: Callable[[], Overview],
        metrics: Mapping[str, ServiceMetrics],
        certificates: Callable[[], Mapping[str, float]],
    ) -> None:
        self._overview = overview
        self._meters = metrics
        self._certificates = certificates

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registration does not scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the daemon."""
        now = self._overview()
        yield GaugeMetricFamily(
            "midonet_log_position", "Position up to which the log has been read.", now.head.position
        )
        yield GaugeMetricFamily("midonet_log_up", "Whether the log can be followed.", float(now.log_error is None))
        clock = float(now.clock_error is not None)
        yield GaugeMetricFamily("midonet_clock_wrong", "Whether clock and log contradict each other.", clock)
        yield _build_info()
        yield _certificates(self._certificates())
        yield from _services(now.services)
        yield from _projection_gauges(now.projections)
        yield from _write_metrics(now)
        for service in now.services:
            if service.state != "disabled":
                yield from self._meters[service.name].collect()


def _build_info() -> Metric:
    info = GaugeMetricFamily("midonet_build_info", "The running version; always 1.", labels=["version", "python"])
    info.add_metric([version("midonet"), python_version()], 1.0)
    return info


def _certificates(expiries: Mapping[str, float]) -> Metric:
    text = "When the first certificate in the file of a setting expires, in seconds since 1970."
    gauge = GaugeMetricFamily("midonet_certificate_expiry_seconds", text, labels=["setting"])
    for setting, expiry in expiries.items():
        gauge.add_metric([setting], expiry)
    return gauge


def _services(services: Sequence[ServiceStatus]) -> Iterator[Metric]:
    up = GaugeMetricFamily("midonet_service_up", "Whether a service is enabled and healthy.", labels=["service"])
    restarts = CounterMetricFamily("midonet_service_restarts", "Crashes of a service.", labels=["service"])
    for service in services:
        up.add_metric([service.name], float(service.healthy and service.state != "disabled"))
        restarts.add_metric([service.name], service.restarts)
    yield from (up, restarts)


_GAUGES: tuple[tuple[str, str, Callable[[ProjectionReport], float]], ...] = (
    ("position", "Position of the target's checkpoint.", lambda report: report.position),
    ("lag_events", "Commits that the target lacks.", lambda report: report.lag_events),
    ("lag_seconds", "Age of the oldest commit that the target lacks.", lambda report: report.lag_seconds),
    ("waiting", "Values that the target cannot hold at present.", lambda report: len(report.waiting)),
)
_LABELS = ("projection", "target")


def _projection_gauges(reports: Sequence[ProjectionReport]) -> Iterator[Metric]:
    for name, text, value in _GAUGES:
        gauge = GaugeMetricFamily(f"midonet_projection_{name}", text, labels=_LABELS)
        for report in reports:
            gauge.add_metric([report.name, report.target], value(report))
        yield gauge
    states = GaugeMetricFamily(
        "midonet_projection_state", "1 for the current state, 0 for the others.", labels=[*_LABELS, "state"]
    )
    for report in reports:
        for each in _STATES:
            states.add_metric([report.name, report.target, each], float(report.state == each))
    yield states
    writing = GaugeMetricFamily("midonet_projection_writing", "Whether this daemon writes it.", labels=_LABELS)
    for report in reports:
        writing.add_metric([report.name, report.target], float(report.role == "writing"))
    yield writing


def _write_metrics(now: Overview) -> Iterator[Metric]:
    repairs = CounterMetricFamily(
        "midonet_projection_repairs", "Values repaired after out-of-band changes.", labels=[*_LABELS, "kind"]
    )
    errors = CounterMetricFamily("midonet_projection_errors", "Reads and writes that failed.", labels=_LABELS)
    writes = CounterMetricFamily("midonet_projection_writes", "Transactions that succeeded.", labels=_LABELS)
    seconds = HistogramMetricFamily("midonet_projection_write_seconds", "Duration of writes.", labels=_LABELS)
    for report, written in zip(now.projections, now.write_metrics, strict=True):
        labels = [report.name, report.target]
        for kind in get_args(Kind):
            repairs.add_metric([*labels, kind], report.repaired.get(kind, 0))
        errors.add_metric(labels, written.errors)
        bounds = [*map(str, BUCKETS), "+Inf"]
        writes.add_metric(labels, written.writes)
        seconds.add_metric(labels, list(zip(bounds, accumulate(written.buckets), strict=True)), written.seconds)
    yield from (repairs, errors, writes, seconds)
