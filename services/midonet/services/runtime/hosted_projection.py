"""A projection that a service runs on a target, with metrics of its writes and a report of its state."""

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeVar

from midonet.projections.base import Checkpoint, Fenced, Projection, Target, key_text
from midonet.projections.engine.drift import RecentDrift
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.engine.status import State
from midonet.services.runtime.projection_report import ProjectionReport, WriteMetrics
from midonet.services.settings import Settings

K = TypeVar("K")
V = TypeVar("V")


_READY_STATES: tuple[State, ...] = ("live", "catching-up", "rebuilding")
"""States in which a view can be ready."""
_SYNC_STATES: tuple[State, ...] = ("catching-up", "rebuilding")


class MeteredTarget(Generic[K, V]):
    """A target that counts its writes and errors."""

    def __init__(self, target: Target[K, V]) -> None:
        self._target = target
        self.write_metrics = WriteMetrics()

    def on_change(self, wake: Callable[[], None]) -> None:
        """As the target's."""
        self._target.on_change(wake)

    def load(self) -> tuple[Checkpoint, Mapping[K, V]]:
        """As the target's."""
        with self._counting_errors():
            return self._target.load()

    def peek(self) -> Checkpoint:
        """As the target's."""
        with self._counting_errors():
            return self._target.peek()

    def write(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> None:
        """As the target's."""
        begun = perf_counter()
        with self._counting_errors():
            self._target.write(delta, checkpoint)
        self.write_metrics.count(perf_counter() - begun)

    def begin(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> Callable[[], None] | None:
        """As the target's; None if the target has no `begin`."""
        begun, begin = perf_counter(), getattr(self._target, "begin", None)
        with self._counting_errors():
            wait: Callable[[], None] | None = begin(delta, checkpoint) if begin is not None else None
        return partial(self._finish, wait, begun) if wait is not None else None

    def _finish(self, wait: Callable[[], None], begun: float) -> None:
        with self._counting_errors():
            wait()
        self.write_metrics.count(perf_counter() - begun)

    def drifted(self) -> bool:
        """As the target's."""
        return self._target.drifted()

    def close(self) -> None:
        """As the target's."""
        self._target.close()

    def __getattr__(self, name: str) -> Any:
        """Return an optional method of the target."""
        return getattr(self._target, name)

    @contextmanager
    def _counting_errors(self) -> Iterator[None]:
        try:
            yield
        except Fenced:
            raise  # another daemon wrote first: not an error
        except Exception:
            self.write_metrics.errors += 1
            raise


class HostedProjection:
    """One projection on one target; `address` names the target in reports. One thread calls start and stop.

    `same` and `first` as for `Runner`.
    """

    essential = True
    """Whether the node is not ready without it."""

    def __init__(  # noqa: PLR0913 - the options have defaults
        self,
        feed: Feed,
        projection: Projection[Any, Any],
        target: Target[Any, Any],
        address: str,
        settings: Settings,
        *,
        same: Callable[[Any, Any], bool] = operator.eq,
        first: bool = False,
    ) -> None:
        self.name = projection.name.partition("/")[0]
        self.target = address
        self._metered = MeteredTarget(target)
        self._runner = Runner(
            feed,
            projection,
            self._metered,
            where=address,
            reconcile_interval=settings.reconcile_interval,
            grace=settings.takeover_grace,
            same=same,
            first=first,
        )
        self._was_live = False

    @property
    def write_metrics(self) -> WriteMetrics:
        """Metrics of the target's writes."""
        return self._metered.write_metrics

    @property
    def repairs(self) -> RecentDrift:
        """Drift records of the target."""
        return self._runner.drift

    @property
    def initial_sync_over(self) -> bool:
        """Whether the first synchronisation has ended: the target is live, failing, or written by another daemon."""
        status = self._runner.status()
        return status.state not in _SYNC_STATES or status.role == "standby" or status.error is not None

    def start(self) -> None:
        """Start to keep the target equal to the projection."""
        self._runner.start()

    def stop(self) -> None:
        """Stop and release the connections; the target remains unchanged."""
        self._runner.stop()

    def report(self, max_lag: float) -> ProjectionReport:
        """Return the current state; `max_lag` is the largest lag of a ready view in seconds."""
        status = self._runner.status()
        self._was_live |= status.state == "live"
        waiting: Mapping[Any, str] = getattr(self._metered, "waiting", dict)()
        return ProjectionReport(
            name=self.name,
            target=self.target,
            state=status.state,
            role=status.role,
            position=status.position,
            lag_events=status.lag_events,
            lag_seconds=round(status.lag_seconds, 3),
            last_error=status.error,
            repairs=len(self.repairs),
            repaired=dict(self.repairs.counts),
            waiting={**{key_text(key): reason for key, reason in waiting.items()}, **status.parked},
            essential=self.essential,
            ready=self._was_live and status.state in _READY_STATES and status.lag_seconds <= max_lag,
        )
