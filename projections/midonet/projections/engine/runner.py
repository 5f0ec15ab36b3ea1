"""The runner: keeps one target equal to one projection, whatever happens to the target, the log or this process.

One thread per runner; its state is in a `Reconciler`, and the feed's thread may send ahead (`FastPath`) while this one
waits. It takes over where the target's checkpoint says, never writes from a position behind it, never from a log that
does not contain it, and never gives up. What was lost or edited by others is repaired when it is found, and recorded.
Errors are a state to show, not a reason to end.

Any number of processes may keep the same target. One writes; the others stand by (`Takeover`): they fold and write
nothing, and one of them takes over when the target stays behind the log without progress.
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
"""Seconds for which a position waits that comes without values: who has values to write needs the processor more."""


class Runner(Generic[K, V]):
    """Keeps `target`, called `where`, equal to `projection` as the feed moves.

    `reconcile_interval`: seconds after which the target is read again even without a notification.
    `grace`: seconds, see `GRACE`. `same`: as for `Tracker`. `first`: whether it goes before the others that follow the
    feed, as befits one whose values are made quickly.
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
        """Begin; the feed may be started before or after."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and release the target's connections; the target keeps what it has."""
        self._stopped.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def status(self) -> Status:
        """Return how the target stands, without asking it."""
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
        """What went wrong last, until it is over."""
        return self._health.error

    @property
    def drift(self) -> RecentDrift:
        """Drift of the target that was repaired."""
        return self._recorder.recent

    @property
    def _family(self) -> str:
        """What operators call all projections of this kind."""
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
        """Start over from a whole topology."""
        self._reconciler.attach(topology)

    def apply(self, changes: Sequence[Change]) -> None:
        """Take note of the changes of one commit."""
        self._arrivals.add()
        self._reconciler.apply(changes)

    def apply_facts(self, *changes: Change) -> None:
        """Take note of what no commit says, such as what the network reports; called by any thread.

        What has to be written for that puts nothing right that others did.
        """
        self._reconciler.apply_facts(changes)
        self.wake()

    def wake(self) -> None:
        """Go and look; called by any thread."""
        self._wake.set()

    def send(self) -> bool:
        """Send what a commit has changed, unless it is too much or the thread works; return whether it did."""
        return self._fast_path.send()

    def _ready(self) -> bool:
        """Whether what commits change may be written, for all that is known."""
        return (
            self._reconciler.attached
            and not self._takeover.active
            and not self._suspended()
            and not self._target.drifted()
        )

    def _target_changed(self) -> None:
        """Note that something moved in the target; called by any thread."""
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
                except Exception as error:  # noqa: BLE001 - whatever it is, a thread that ends leaves the view to rot
                    self._retry(error)
            self._feed.unsubscribe(self)
            self._target.close()

    def _keep_in_sync(self) -> None:
        """Read the target and keep it equal until it has to be read again, or another process does."""
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
        """Wait as long as nothing is to be written; of a target that was not read yet, only the position is known."""
        while self._paused() and not self._stopped.is_set():
            if self._reconciler.peek_unread():
                self._health.succeeded(self._reconciler.position)
            self._wake.wait()
            self._wake.clear()

    def _should_take_over(self) -> bool:
        """Stand by; return whether it is for this one to write now."""
        behind = self._takeover.should_take_over()
        if behind:
            logger.info("%s: takes over at %d", self.name, self._reconciler.position)
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
        """Wait until there is something to do; let others go first for a moment if that is only a new position."""
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
        """Take note of what operators want; return whether they want nothing to be written."""
        wanted, before = self._feed.control(self._family), self._control
        self._control = wanted
        if (wanted.skipped, wanted.retried) != (before.skipped, before.retried):
            self._reconciler.retry(wanted.skipped)
        return wanted.paused

    def _flush(self) -> None:
        """Write what is pending, and the position that it brings the target to."""
        step = self._reconciler.plan()
        if self._reconciler.needs(step):
            self._write(step, lambda: self._target.write(step.delta, step.checkpoint))
        else:
            self._succeeded()

    def _write(self, step: WriteStep, write: Callable[[], None]) -> None:
        """Do what writes a step, or waits for the answer; at once again without what was parked."""
        if self._reconciler.write(step, write):
            self._succeeded()
        else:
            self.wake()

    def _succeeded(self) -> None:
        self._health.succeeded(self._reconciler.position)
        self._backoff.reset()

    def _retry(self, error: Exception) -> None:
        """Note what went wrong and wait; for the log's commits longer than for a server."""
        self._health.failed(error)
        if isinstance(error, Fenced):
            self._reconciler.write_refused()
            if error.bulk:  # two that take it from each other would get nowhere
                self._takeover.active = True
                self._target_changed()  # to see whether that one does get on
        self._stopped.wait(self._interval if isinstance(error, VerificationFailed) else self._backoff.next())
