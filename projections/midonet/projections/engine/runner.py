"""The runner: keeps one target equal to one projection despite failures of the target, the log or this process.

Each runner has one thread; its state is in a `Reconciler`, and the feed's thread may send a write (`FastPath`) while
this thread waits. The runner resumes at the checkpoint of the target. It never writes from an earlier position or from
a log that does not contain the checkpoint, and it retries without limit. Drift is repaired and recorded when it is
found. An error changes the reported state and never ends the thread.

Any number of processes may run for one target. One writes; the others are standbys (`Takeover`): they fold and do not
write. A standby takes over if the target stays behind the log without progress.
"""

import logging
import operator
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from midonet.events.backoff import Backoff
from midonet.events.errors import VerificationFailed
from midonet.events.system.control import ProjectionControl
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.base import Fenced, Projection, Target, key_text
from midonet.projections.engine.drift import RecentDrift
from midonet.projections.engine.drift_recorder import DriftRecorder
from midonet.projections.engine.fast_path import FastPath
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.reconciler import Reconciler, WriteStep
from midonet.projections.engine.status import Arrivals, Health, State, Status, moving_state
from midonet.projections.engine.takeover import GRACE, Takeover

logger = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

_POSITION_DELAY = 0.002
"""Seconds for which a position without values is delayed, so that projections with values use the processor first."""


class Runner(Generic[K, V]):
    """Keeps `target`, called `where`, equal to `projection` as the feed advances.

    `reconcile_interval`: seconds after which the target is read again even without a notification. `grace`: seconds,
    see `GRACE`. `same`: as for `DeltaTracker`. `first`: whether it precedes the other followers of the feed, because
    its values are quick to compute.
    """

    def __init__(  # noqa: PLR0913 - the options have defaults
        self,
        feed: Feed,
        projection: Projection[K, V],
        target: Target[K, V],
        *,
        where: str = "",
        reconcile_interval: float = 30.0,
        grace: float = GRACE,
        same: Callable[[V, V], bool] = operator.eq,
        first: bool = False,
    ) -> None:
        self.name = projection.name
        self._feed = feed
        self._target = target
        self._interval = reconcile_interval
        self._first = first
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._control = ProjectionControl(self._family)
        self._recorder = DriftRecorder(self._family, where)
        self._health = Health(projection.name)
        self._arrivals = Arrivals()
        self._backoff = Backoff()
        self._reconciler = Reconciler(feed, projection, target, self._recorder, same)
        self._fast_path = FastPath(self.name, self._reconciler, target, self._ready, self._write, first=first)
        self._takeover = Takeover(
            feed,
            self._reconciler,
            self._health,
            interval=reconcile_interval,
            grace=grace,
            wake=self._wake,
            stopped=self._stopped,
            suspended=self._suspended,
        )
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        target.on_change(self._target_changed)

    # -- for the owner

    def start(self) -> None:
        """Start; the feed may be started before or after."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and release the target's connections; the target keeps its content."""
        self._stopped.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def status(self) -> Status:
        """Return the status of the target, without reading it."""
        head, position = self._feed.head.position, self._reconciler.position
        lag = max(0, head - position)
        lag_seconds = self._arrivals.age(lag, self._feed.next_after(position).time) if lag else 0.0
        error = self._health.error or self._feed.error
        state = self._state(error, lag_seconds)
        quiet = f"behind, and nothing was written for {self._health.quiet_seconds:.0f} s"
        return Status(
            name=self.name,
            state=state,
            role="standby" if self._takeover.active else "writing",
            position=position,
            head=head,
            lag_events=lag,
            lag_seconds=lag_seconds,
            error=str(error) if error else quiet if state == "stalled" else None,
            parked={key_text(key): reason for key, reason in self._reconciler.parked.items()},
        )

    @property
    def error(self) -> Exception | None:
        """The latest error, until the next success."""
        return self._health.error

    @property
    def drift(self) -> RecentDrift:
        """Repaired drift of the target."""
        return self._recorder.recent

    @property
    def _family(self) -> str:
        """The name that operators use for all projections of this kind."""
        return self.name.partition("/")[0]

    def _state(self, error: Exception | None, lag_seconds: float) -> State:
        if self._feed.control(self._family).paused:
            return "paused"
        if isinstance(error, VerificationFailed):
            return "parked"
        return moving_state(
            in_sync=self._health.in_sync,
            empty=self._reconciler.position == 0,
            lag_seconds=lag_seconds,
            quiet_seconds=self._health.quiet_seconds,
            failing_seconds=self._health.failing_seconds,
        )

    # -- for the feed and the target

    def attach(self, topology: Topology) -> None:
        """Start again from a whole topology."""
        self._reconciler.attach(topology)

    def apply(self, changes: Sequence[Change]) -> None:
        """Record the changes of one commit."""
        self._arrivals.add()
        self._reconciler.apply(changes)

    def apply_facts(self, *changes: Change) -> None:
        """Record changes of facts, which no commit explains; called by any thread.

        The resulting writes do not count as repairs.
        """
        self._reconciler.apply_facts(changes)
        self.wake()

    def wake(self) -> None:
        """Wake the thread; called by any thread."""
        self._wake.set()

    def send(self) -> bool:
        """Send the values of a commit, unless there are too many or the thread is busy; return whether it did."""
        return self._fast_path.send()

    def _ready(self) -> bool:
        """Whether this process may write the changes of commits at present."""
        return (
            self._reconciler.attached
            and not self._takeover.active
            and not self._suspended()
            and not self._target.drifted()
        )

    def _target_changed(self) -> None:
        """Record that the target changed; called by any thread."""
        self._takeover.touch()
        self.wake()

    # -- the thread

    def _run(self) -> None:
        subscribed = False
        with self._fast_path.lock():
            while not self._stopped.is_set():
                try:
                    self._feed.wait_until_read(self._stopped.is_set)
                    if not subscribed:
                        self._feed.subscribe(self, first=self._first)
                        subscribed = True
                    self._keep_in_sync()
                except Exception as error:  # noqa: BLE001 - no error may end the thread: the view would become stale
                    self._retry(error)
            self._feed.unsubscribe(self)
            self._target.close()

    def _keep_in_sync(self) -> None:
        """Read the target and keep it equal, until it must be read again or another process writes it."""
        self._wait_while_paused()
        looks_only = self._takeover.active and not self._should_take_over()
        if not self._suspended():
            self._load()
        if looks_only:
            self._takeover.active = self._takeover.active or not self._reconciler.lacks_values()
            self._report_standby()
        due = time.monotonic() + self._interval
        while (
            not (self._takeover.active or self._suspended() or self._target.drifted())
            and (left := due - time.monotonic()) > 0
        ):
            self._flush()
            self._fast_path.idle(partial(self._wait, left))

    def _wait_while_paused(self) -> None:
        """Wait as long as nothing has to be written; of a target that was not read yet, only the position is read."""
        while self._paused() and not self._stopped.is_set():
            if self._reconciler.peek_unread():
                self._health.succeeded(self._reconciler.position)
            self._wake.wait()
            self._wake.clear()

    def _should_take_over(self) -> bool:
        """Stand by; return whether this process has to write now."""
        behind = self._takeover.should_take_over()
        if behind:
            logger.info("%s: takeover at %d", self.name, self._reconciler.position)
        return behind

    def _load(self) -> None:
        self._takeover.about_to_load()
        self._takeover.active = self._reconciler.load(self._stopped.is_set, stood_by=self._takeover.active)
        self._report_standby()

    def _report_standby(self) -> None:
        """Report success while another process writes."""
        if self._takeover.active:
            self._health.succeeded(self._reconciler.position)

    def _wait(self, seconds: float) -> None:
        """Wait until there is work; delay work that is only a new position, so that other projections go first."""
        self._wake.wait(seconds)
        due = time.monotonic() + _POSITION_DELAY
        self._wake.clear()  # before anything is looked at: what comes from now on wakes
        while self._nothing_to_write() and (left := due - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()

    def _nothing_to_write(self) -> bool:
        reconciler = self._reconciler
        return reconciler.attached and not reconciler.pending and not self._target.drifted()

    def _suspended(self) -> bool:
        return self._stopped.is_set() or self._paused()

    def _paused(self) -> bool:
        """Apply the controls of operators; return whether writes are disabled."""
        wanted, before = self._feed.control(self._family), self._control
        self._control = wanted
        if (wanted.skipped, wanted.retried) != (before.skipped, before.retried):
            self._reconciler.retry(wanted.skipped)
        return wanted.paused

    def _flush(self) -> None:
        """Write pending values, and the position of the target after them."""
        step = self._reconciler.plan()
        if self._reconciler.needs(step):
            self._write(step, lambda: self._target.write(step.delta, step.checkpoint))
        else:
            self._succeeded()

    def _write(self, step: WriteStep, write: Callable[[], None]) -> None:
        """Write a step, or wait for its answer; retry at once without keys that were parked."""
        if self._reconciler.write(step, write):
            self._succeeded()
        else:
            self.wake()

    def _succeeded(self) -> None:
        self._health.succeeded(self._reconciler.position)
        self._backoff.reset()

    def _retry(self, error: Exception) -> None:
        """Record an error and wait; for commits of the log longer than for a server."""
        self._health.failed(error)
        if isinstance(error, Fenced):
            self._reconciler.write_refused()
            if error.bulk:  # two writers that preempt each other would make no progress
                self._takeover.active = True
                self._target_changed()  # to check whether the other writer makes progress
        self._stopped.wait(self._interval if isinstance(error, VerificationFailed) else self._backoff.next())
