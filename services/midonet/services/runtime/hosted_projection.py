"""A projection that a service keeps on a target: its runner, what its target costs, and how both are reported."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeVar

from midonet.projections.base import Checkpoint, Fenced, Projection, SideRepair, Target, key_text
from midonet.projections.engine.drift import Repairs
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.engine.status import State
from midonet.services.runtime.projection_report import ProjectionReport, WriteMetrics

K = TypeVar("K")
V = TypeVar("V")


_READY_STATES: tuple[State, ...] = ("live", "catching-up", "rebuilding")
"""States of a view that is as it should be, or on its way."""


_SYNC_STATES: tuple[State, ...] = ("catching-up", "rebuilding")


class MeteredTarget(Generic[K, V]):
    """A target that counts what is done to it."""

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
        """As the target's; None where it knows nothing but `write`."""
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

    def waiting(self) -> Mapping[K, str]:
        """What the target cannot take yet, with the reason; nothing where it knows no waiting."""
        ask = getattr(self._target, "waiting", None)
        return ask() if ask is not None else {}

    def mended(self) -> Sequence[SideRepair]:
        """What else than values the target put right; nothing where it knows no such thing."""
        ask = getattr(self._target, "mended", None)
        return ask() if ask is not None else ()

    def renewed(self) -> bool:
        """As the target's, where it knows."""
        ask = getattr(self._target, "renewed", None)
        return ask() if ask is not None else False

    def takes(self, key: K, value: V) -> bool:
        """As the target's; one that does not know takes everything."""
        ask = getattr(self._target, "takes", None)
        return ask(key, value) if ask is not None else True

    def freed(self) -> Collection[K]:
        """As the target's, where it knows."""
        ask = getattr(self._target, "freed", None)
        return ask() if ask is not None else ()

    def instead(self, key: K) -> V | None:
        """As the target's, where it knows."""
        ask = getattr(self._target, "instead", None)
        return ask(key) if ask is not None else None

    @contextmanager
    def _counting_errors(self) -> Iterator[None]:
        try:
            yield
        except Fenced:
            raise  # another daemon was faster: no error
        except Exception:
            self.write_metrics.errors += 1
            raise


class HostedProjection:
    """One projection on one target, from the moment that a service begins to keep it there.

    `target` is the address that people know. Start and stop are called by one thread.
    """

    def __init__(
        self, feed: Feed, projection: Projection[Any, Any], target: Target[Any, Any], address: str, **options: Any
    ) -> None:
        self.name = projection.name.partition("/")[0]
        self.target = address
        self._metered = MeteredTarget(target)
        self._runner = Runner(feed, projection, self._metered, where=address, **options)
        self._was_live = False

    @property
    def write_metrics(self) -> WriteMetrics:
        """What the target has cost so far."""
        return self._metered.write_metrics

    @property
    def repairs(self) -> Repairs:
        """What others did to the target and was put right."""
        return self._runner.repairs

    @property
    def initial_sync_over(self) -> bool:
        """Whether the target is as the log says, or in trouble, or another daemon's to write."""
        status = self._runner.status()
        return status.state not in _SYNC_STATES or status.role == "standby" or status.error is not None

    def start(self) -> None:
        """Begin to keep the target equal to the projection."""
        self._runner.start()

    def stop(self) -> None:
        """Leave the target as it is and release its connections."""
        self._runner.stop()

    def report(self, max_lag: float) -> ProjectionReport:
        """Return how it stands; `max_lag` is how many seconds behind a ready view may be."""
        status = self._runner.status()
        self._was_live |= status.state == "live"
        waiting = {key_text(key): reason for key, reason in self._metered.waiting().items()}
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
            waiting=waiting | status.parked,
            ready=self._was_live and status.state in _READY_STATES and status.lag_seconds <= max_lag,
        )
