"""Prometheus metrics of one service, with a name prefix that is unique to the service.

They outlive restarts of the service: counters keep their values.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

from midonet.events.errors import UsageError

M = TypeVar("M", bound=MetricWrapperBase)


class ServiceMetrics:
    """The metrics of the service `name`; each name begins with `midonet_<name>_`."""

    def __init__(self, name: str) -> None:
        self._prefix = f"midonet_{name.replace('-', '_').replace('.', '_').replace('+', '_')}"
        self._made: dict[str, MetricWrapperBase] = {}
        self._lock = Lock()

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """Return the counter of this name (without `_total`), created at the first call; `text` is its help."""
        return self._find(Counter, name, lambda full: Counter(full, text, labels, registry=None))

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge of this name, created at the first call; `text` is its help and names the unit."""
        return self._find(Gauge, name, lambda full: Gauge(full, text, labels, registry=None))

    def histogram(self, name: str, text: str, labels: Sequence[str] = ()) -> Histogram:
        """Return the histogram of this name, created at the first call, with prometheus_client's default buckets."""
        return self._find(Histogram, name, lambda full: Histogram(full, text, labels, registry=None))

    def collect(self) -> Iterator[Metric]:
        """Yield the current metrics."""
        with self._lock:
            made = list(self._made.values())
        for metric in made:
            yield from metric.collect()

    def _find(self, kind: type[M], name: str, make: Callable[[str], M]) -> M:
        full = f"{self._prefix}_{name}"
        with self._lock:
            found = self._made.get(full)
            if found is None:
                found = self._made[full] = make(full)
        if not isinstance(found, kind):
            raise UsageError(f"the metric {full} is a {type(found).__name__.lower()} already", metric=full)
        return found
