"""The runner: keeps one target equal to one projection, whatever happens to the target, the log or this process.

One thread per runner. It takes over where the target's checkpoint says, never writes from a position behind it,
never from a log that does not contain it, and never gives up. What was lost or edited by others is repaired when
it is found. Errors are a state to show, not a reason to end.
"""

import logging
import operator
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from midonet.events.errors import Diverged, LostCommits, VerificationFailed
from midonet.events.evolve import Change
from midonet.events.topology import Topology
from midonet.projections.backoff import Backoff
from midonet.projections.feed import Feed
from midonet.projections.port import Checkpoint, Fenced, Projection, Target, Unfit
from midonet.projections.status import Standing, State, Status, moving_state
from midonet.projections.tracker import Tracker

__all__ = ["Runner"]

logger = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

_GRACE = 0.3
"""Seconds that another writer, where one is at work, may take before this one writes in its stead."""


class Runner(Generic[K, V]):
    """Keeps `target` equal to `projection` as the feed moves.

    `reconcile_interval`: seconds after which the target is read again though nobody seems to have touched it.
    `same`: as for `Tracker`.
    """

    def __init__(
        self,
        feed: Feed,
        projection: Projection[K, V],
        target: Target[K, V],
        *,
        reconcile_interval: float = 30.0,
        same: Callable[[V, V], bool] = operator.eq,
    ) -> None:
        self.name = projection.name
        self._feed = feed
        self._projection = projection
        self._target = target
        self._interval = reconcile_interval
        self._tracker = Tracker(projection, same)
        self._checkpoint = Checkpoint()
        self._tried = 0
        self._attached = False
        self._rival = False
        self._repairs = 0
        self._standing = Standing(projection.name)
        self._paused = False
        self._backoff = Backoff()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        target.on_change(self.wake)

    # -- for whoever runs it

    def start(self) -> None:
        """Begin; the feed may be started before or after."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and release the target's connections; the target keeps what it has."""
        self._stopped.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def pause(self) -> None:
        """Write nothing until `resume`."""
        self._paused = True
        self.wake()

    def resume(self) -> None:
        """Go on after `pause`: read the target again and bring it up to date."""
        self._paused = False
        self.wake()

    def status(self) -> Status:
        """Return how the target stands, without asking it."""
        head, position = self._feed.head.position, self._checkpoint.position
        lag = max(0, head - position)
        lag_seconds = _age(self._feed.next_after(position).time) if lag else 0.0
        error = self._standing.error or self._feed.error
        return Status(
            name=self.name,
            state=self._state(error, lag_seconds),
            position=position,
            head=head,
            lag_events=lag,
            lag_seconds=lag_seconds,
            error=str(error) if error else None,
            repairs=self._repairs,
            parked={str(key): reason for key, reason in self._tracker.parked.copy().items()},
        )

    def _state(self, error: Exception | None, lag_seconds: float) -> State:
        if self._paused:
            return "paused"
        if isinstance(error, VerificationFailed):
            return "parked"
        return moving_state(
            in_step=self._standing.in_step,
            empty=self._checkpoint.position == 0,
            lag_seconds=lag_seconds,
            quiet_seconds=self._standing.quiet_seconds,
        )

    # -- for the feed

    def attach(self, topology: Topology) -> None:
        """Start over from a whole topology."""
        self._projection.attach(topology)
        self._tracker.start_over()
        self._attached = True

    def apply(self, changes: Sequence[Change]) -> None:
        """Take note of the changes of one commit; a projection that cannot is attached anew, and harms no other."""
        try:
            self._tracker.touch(self._projection.apply(changes))
        except Exception:
            logger.exception("%s: starts over, having failed to take note of a commit", self.name)
            self._attached = False

    def wake(self) -> None:
        """Go and look; called by any thread."""
        self._wake.set()

    # -- the thread

    def _run(self) -> None:
        subscribed = False
        while not self._stopped.is_set():
            try:
                self._feed.caught_up(self._stopped.is_set)
                if not subscribed:
                    self._feed.subscribe(self)
                    subscribed = True
                self._keep_equal()
            except Exception as error:  # noqa: BLE001 - whatever it is, a thread that ends leaves the view to rot
                self._retry(error)
        self._feed.unsubscribe(self)
        self._target.close()

    def _keep_equal(self) -> None:
        """Read the target and keep it equal until it has to be read again."""
        if self._rival:
            self._stopped.wait(_GRACE)
        if not self._idle():
            self._load()
        due = time.monotonic() + self._interval
        while not (self._idle() or self._target.drifted()) and (left := due - time.monotonic()) > 0:
            if not self._gave_way():
                self._flush()
                self._wake.wait(left)
        if self._paused:
            self._wake.wait()
            self._wake.clear()

    def _idle(self) -> bool:
        return self._paused or self._stopped.is_set()

    def _gave_way(self) -> bool:
        """Let another writer, where one is at work, write what there is; return whether it did."""
        if self._rival and self._feed.head.position != self._checkpoint.position:
            self._stopped.wait(_GRACE)
            self._rival = self._target.drifted()
        return self._rival and self._target.drifted()

    def _load(self) -> None:
        checkpoint, actual = self._target.load()
        self._check(checkpoint)
        with self._feed.reading():
            self._tracker.reconcile(actual)
        if 0 < self._tried < checkpoint.position:
            self._rival = True
        self._checkpoint, self._tried = checkpoint, checkpoint.position

    def _check(self, checkpoint: Checkpoint) -> None:
        """Wait until the feed is where the target is; raise if the log does not hold the target's checkpoint."""
        if not self._feed.reach(checkpoint.position, self._stopped.is_set):
            end = self._feed.head.position
            raise LostCommits(
                f"the target has seen commit {checkpoint.position}, but the log ends at {end}; it is "
                "left as it is until the log has its commits back",
                checkpoint=checkpoint.position,
                head=end,
            )
        known = self._feed.head_at(checkpoint.position)
        if known.hash != checkpoint.hash:
            raise Diverged(
                f"the target has seen another commit {checkpoint.position} than the log has; it is "
                "left as it is: they belong to different histories",
                position=checkpoint.position,
                target=checkpoint.hash,
                log=known.hash,
            )

    def _flush(self) -> None:
        """Write what is pending, and the position that it brings the target to."""
        self._wake.clear()
        with self._feed.reading() as topology:
            if not self._attached:
                self.attach(topology)
            delta = self._tracker.delta()
            checkpoint = Checkpoint(topology.head.position, topology.head.hash)
        if delta or checkpoint != self._checkpoint:
            self._tried = checkpoint.position
            try:
                self._target.write(delta, checkpoint)
            except Unfit as unfit:
                self._park(unfit)
                return
            self._written(set(delta) if checkpoint == self._checkpoint else set())
            self._checkpoint = checkpoint
        self._standing.succeeded(self._checkpoint.position)
        self._backoff.reset()

    def _written(self, repaired: set[K]) -> None:
        """Note success; what differed at the very position of the checkpoint was somebody else's doing."""
        self._tracker.written()
        if repaired:
            self._repairs += len(repaired)
            logger.warning("%s: repaired %s", self.name, _listed(repaired))

    def _park(self, unfit: Unfit) -> None:
        logger.error("%s: parked %s", self.name, unfit)
        with self._feed.reading():
            self._tracker.park(unfit.key, str(unfit))
        self.wake()

    def _retry(self, error: Exception) -> None:
        """Note what went wrong and wait; for the log's commits longer than for a server."""
        self._standing.failed(error)
        if isinstance(error, Fenced):
            self._tried = self._checkpoint.position
        self._stopped.wait(self._interval if isinstance(error, VerificationFailed) else self._backoff.next())


def _age(moment: str) -> float:
    """Return the seconds since an RFC 3339 time; clocks may differ, time does not run backwards."""
    return max(0.0, time.time() - datetime.fromisoformat(moment).timestamp()) if moment else 0.0


def _listed(keys: set[K], most: int = 5) -> str:
    names = sorted(map(str, keys))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
