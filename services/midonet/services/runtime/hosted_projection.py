"""A projection that a service keeps on a target: its runner, what its target costs, and how both are reported."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeVar

from msgspec import Struct

from midonet.projections.base import Checkpoint, Fenced, Projection, SideRepair, Target, key_text
from midonet.projections.engine.drift import Repairs
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.engine.status import Role, State

K = TypeVar("K")
V = TypeVar("V")

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds, in seconds, of the classes that writes are counted in."""

_BEHIND: tuple[State, ...] = ("live", "catching-up", "rebuilding")
"""States of a view that is as it should be, or on its way."""


_ON_ITS_WAY: tuple[State, ...] = ("catching-up", "rebuilding")


class Report(Struct, frozen=True, kw_only=True):
    """How one projection stands on one target, as outsiders are told."""

    name: str
    target: str
    state: State
    role: Role
    """`writing`, or `standby` while another daemon writes."""
    position: int
    lag_events: int
    lag_seconds: float
    last_error: str | None
    repairs: int
    """How many values others lost, added or edited, and were put right."""
    repaired: dict[str, int]
    """The same by kind: `missing`, `extra`, `different`."""
    waiting: dict[str, str]
    """What the target cannot take yet, or never as it is, with the reason."""
    ready: bool
    """Whether it has been live, and is not further behind than allowed now."""


class WriteMetrics:
    """What a target has cost so far. Written by one thread, read by any."""

    def __init__(self) -> None:
        self.writes = 0
        self.errors = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def written(self, seconds: float) -> None:
        """Count a write that succeeded."""
        self.writes += 1
        self.seconds += seconds
        self.buckets[sum(seconds > bound for bound in BUCKETS)] += 1


class MeteredTarget(Generic[K, V]):
    """A target that counts what is done to it."""

    def __init__(self, target: Target[K, V]) -> None:
        self._target = target
        self.costs = WriteMetrics()

    def on_change(self, wake: Callable[[], None]) -> None:
        """As the target's."""
        self._target.on_change(wake)

    def load(self) -> tuple[Checkpoint, Mapping[K, V]]:
        """As the target's."""
        with self._counted():
            return self._target.load()

    def peek(self) -> Checkpoint:
        """As the target's."""
        with self._counted():
            return self._target.peek()

    def write(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> None:
        """As the target's."""
        begun = perf_counter()
        with self._counted():
            self._target.write(delta, checkpoint)
        self.costs.written(perf_counter() - begun)

    def begin(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> Callable[[], None] | None:
        """As the target's; None where it knows nothing but `write`."""
        begun, begin = perf_counter(), getattr(self._target, "begin", None)
        with self._counted():
            wait: Callable[[], None] | None = begin(delta, checkpoint) if begin is not None else None
        return partial(self._finish, wait, begun) if wait is not None else None

    def _finish(self, wait: Callable[[], None], begun: float) -> None:
        with self._counted():
            wait()
        self.costs.written(perf_counter() - begun)

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
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except Fenced:
            raise  # another daemon was faster: no error
        except Exception:
            self.costs.errors += 1
            raise


class HostedProjection:
    """One projection on one target, from the moment that a service begins to keep it there.

    `target` is the address that people know. Start and stop are called by one thread.
    """

    def __init__(
        self, feed: Feed, projection: Projection[Any, Any], target: Target[Any, Any], where: str, **options: Any
    ) -> None:
        self.name = projection.name.partition("/")[0]
        self.target = where
        self._metered = MeteredTarget(target)
        self._runner = Runner(feed, projection, self._metered, where=where, **options)
        self._was_live = False

    @property
    def costs(self) -> WriteMetrics:
        """What the target has cost so far."""
        return self._metered.costs

    @property
    def repairs(self) -> Repairs:
        """What others did to the target and was put right."""
        return self._runner.repairs

    @property
    def settled(self) -> bool:
        """Whether the target is as the log says, or in trouble, or another daemon's to write."""
        status = self._runner.status()
        return status.state not in _ON_ITS_WAY or status.role == "standby" or status.error is not None

    def start(self) -> None:
        """Begin to keep the target equal to the projection."""
        self._runner.start()

    def stop(self) -> None:
        """Leave the target as it is and release its connections."""
        self._runner.stop()

    def report(self, max_lag: float) -> Report:
        """Return how it stands; `max_lag` is how many seconds behind a ready view may be."""
        status = self._runner.status()
        self._was_live |= status.state == "live"
        waiting = {key_text(key): reason for key, reason in self._metered.waiting().items()}
        return Report(
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
            ready=self._was_live and status.state in _BEHIND and status.lag_seconds <= max_lag,
        )
