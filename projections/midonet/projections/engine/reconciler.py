"""The reconciler: what a target lacks, whose doing that is, and how writing it went.

It tells three that may have changed a target apart: this process, another writer of the same projection, and anybody
else, whose changes are put right and recorded. It must never take the one for the other: a commit of another writer's
is nobody's edit, and an edit is no reason to stop. It waits for nobody but the log, and has no thread: whoever has the
turn at the target calls it, and the feed tells it of commits under its own lock.
"""

import logging
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from midonet.events.errors import Diverged, LostCommits
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.base import Checkpoint, Projection, Target, Unwritable
from midonet.projections.engine.delta_tracker import DeltaTracker
from midonet.projections.engine.drift import DriftRecord
from midonet.projections.engine.drift_recorder import DriftRecorder
from midonet.projections.engine.feed import Feed

logger = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class WriteStep(NamedTuple):
    """What is to be written in one go."""

    delta: Mapping[Any, Any]
    checkpoint: Checkpoint
    repairs: Sequence[DriftRecord]
    not_drift: set[Any]


class Reconciler(Generic[K, V]):
    """The difference between `projection`, as the feed moves, and `target`. `same`: as for `DeltaTracker`."""

    def __init__(
        self,
        feed: Feed,
        projection: Projection[K, V],
        target: Target[K, V],
        recorder: DriftRecorder,
        same: Callable[[V, V], bool] = operator.eq,
    ) -> None:
        self._name = projection.name
        self._feed = feed
        self._projection = projection
        self._target = target
        self._recorder = recorder
        self._tracker = DeltaTracker(projection, same)
        self._skipped: Collection[str] = ()
        self._checkpoint: Checkpoint | None = None
        """What the target was read or written at, if it was; what it holds is known then."""
        self._last_seen = Checkpoint()
        self._attempted: Checkpoint | None = None
        self._foreign: set[K] = set()
        """Keys that other clients have changed, until they are repaired."""
        self._renewed = False
        self.attached = False
        """Whether the projection is what the feed has folded, and follows it."""
        self.not_drift: set[K] = set()
        """What has to be written for what no commit says: that puts nothing right that others did."""

    # -- how it stands

    @property
    def position(self) -> int:
        """The position of the target as it was seen last, whether the log holds it or not."""
        return self._last_seen.position

    @property
    def pending(self) -> int:
        """How many values may have to be written."""
        return self._tracker.pending

    @property
    def parked(self) -> Mapping[K, str]:
        """The keys that are left out, with the reason."""
        return self._tracker.parked.copy()

    # -- what should be there

    def attach(self, topology: Topology) -> None:
        """Start over from a whole topology."""
        self._projection.attach(topology)
        self._tracker.touch_all()
        self.attached = True

    def apply(self, changes: Sequence[Change]) -> None:
        """Take note of the changes of one commit; a projection that cannot is attached anew, and harms no other."""
        try:
            touched = set(self._projection.apply(changes))
            self._tracker.touch(touched)
            self._foreign -= touched  # what is found there may be another writer's, who was faster
        except Exception:
            logger.exception("%s: starts over, having failed to take note of a commit", self._name)
            self.attached = False

    def apply_facts(self, changes: Sequence[Change]) -> None:
        """Take note of what no commit says."""
        with self._feed.reading():
            keys = set(self._projection.apply(changes))
            self._tracker.touch(keys)
            self.not_drift |= keys

    def retry(self, skipped: Collection[str]) -> None:
        """Try again what is parked, but for the keys that are `skipped` from now on."""
        self._skipped = skipped
        with self._feed.reading():
            self.not_drift |= self._tracker.retry(skipped)

    # -- what is there

    def peek(self) -> None:
        """Read the checkpoint of a target that another process may keep."""
        self._checkpoint = self._last_seen = self._target.peek()

    def peek_unread(self) -> bool:
        """As `peek`, of a target that was not read yet; it does not count as read then. Return whether it is one."""
        if self._checkpoint is not None:
            return False
        self._last_seen = self._target.peek()
        return True

    def load(self, stopped: Callable[[], bool], *, stood_by: bool) -> bool:
        """Read all of the target; return whether another writer is at work on it. `stood_by`: whether one was.

        What commits touch that are not in the target yet is nobody's doing: another writer may be at work on them. So
        whatever differs is judged by one who has read all that the log has. Raises as `check_log_identity`.
        """
        found, actual = self._target.load()
        self._last_seen = found
        freed: set[K] = set(self._ask_target("unblocked", otherwise=()))
        with self._feed.reading():
            expected = self._tracker.pending_keys
            strange = self._tracker.reconcile(actual) - freed
            self._foreign = (self._foreign | strange - expected) - freed  # some earlier ones may not be repaired yet
            self.not_drift |= self._tracker.retry(self._skipped) | freed
        self._renewed = self._ask_target("renewed", otherwise=False)
        before = None if self._renewed else self._checkpoint
        edited = not self._log_has(found, stopped, trusted=before is None or bool(strange))
        rival = before is not None and not edited and found.position > before.position and found != self._attempted
        if before is None or rival or stood_by:  # who stood by knows old values only
            self._foreign = set()
        if before is not None and strange and not rival:
            self._feed.wait_for_end(stopped)
        if before is not None and (edited or found.position < before.position):
            self._recorder.record_checkpoint(found, before)
        self._checkpoint = found
        self._recorder.record_side_repairs(self._ask_target("side_repairs", otherwise=()), self.position)
        return rival

    def _log_has(self, checkpoint: Checkpoint, stopped: Callable[[], bool], *, trusted: bool) -> bool:
        """Whether the log holds a checkpoint; if not, and it is to be `trusted`, that is for people to resolve.

        It is not, where nothing else in the target differs from what this process left there: another client edited it.
        """
        try:
            check_log_identity(self._feed, checkpoint, stopped)
        except (LostCommits, Diverged):
            if trusted or self._feed.error is not None:
                raise
            return False
        return True

    def _ask_target(self, what: str, *about: Any, otherwise: T) -> T:
        """Return what the target says of something that not all targets know."""
        ask = getattr(self._target, what, None)
        return ask(*about) if ask is not None else otherwise

    def _accepts(self, key: K, value: V | None) -> bool:
        return value is None or self._ask_target("accepts", key, value, otherwise=True)

    def lacks_values(self) -> bool:
        """Whether a target that another process keeps lacks values at its own position."""
        with self._feed.reading() as topology:
            lacking = any(self._accepts(key, value) for key, value in self._tracker.delta().items())
            if not lacking:
                self.not_drift.clear()
            return lacking and topology.head.position == self.position

    # -- making the one the other

    def plan(self) -> WriteStep:
        """Return what has to be written, and the position that it brings the target to."""
        with self._feed.reading() as topology:
            if not self.attached:
                self.attach(topology)
            delta = self._tracker.delta()
            self._foreign.intersection_update(delta)
            checkpoint = Checkpoint(topology.head.position, topology.head.hash)
            repairs = list(self._drift_records(delta, checkpoint))
            not_drift, self.not_drift = self.not_drift, set()  # what is noted from now on is news again
        return WriteStep(delta, checkpoint, repairs, not_drift)

    def needs(self, step: WriteStep) -> bool:
        """Whether a step changes anything."""
        return bool(step.delta) or step.checkpoint != self._checkpoint

    def defer(self, step: WriteStep) -> None:
        """Leave a step for later."""
        self.not_drift |= step.not_drift

    def write(self, step: WriteStep, write: Callable[[], None]) -> bool:
        """Do what writes a step, or waits for the answer; return False if a value was parked and nothing written."""
        self._attempted = step.checkpoint
        try:
            write()
        except Unwritable as unfit:
            self.defer(step)
            self._park(unfit)
            return False
        except Exception:
            self.defer(step)
            raise
        self._tracker.written()
        self._checkpoint = self._last_seen = step.checkpoint
        self._foreign.clear()
        self._renewed = False
        self._recorder.record(step.repairs)
        return True

    def write_refused(self) -> None:
        """Take note that the target changed under a write: what was tried is certainly not there."""
        self._attempted = None

    def _drift_records(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> Iterator[DriftRecord]:
        """Yield drift records for a delta: values that differ though no commit changed them, or were found changed."""
        for key, expected in delta.items() if not self._renewed else ():
            strange = key in self._foreign or (checkpoint == self._checkpoint and key not in self.not_drift)
            if strange and self._accepts(key, expected):
                position, found = self._origin(key) or checkpoint.position, self._tracker.actual(key)
                found = found if found is not None else self._ask_target("foreign_value", key, otherwise=None)
                yield self._recorder.new_record(key, found, expected, position)

    def _origin(self, key: K) -> int | None:
        ask = getattr(self._projection, "origin", None)
        return ask(key) if ask is not None else None

    def _park(self, unfit: Unwritable) -> None:
        logger.error("%s: parked %s", self._name, unfit)
        with self._feed.reading():
            self._tracker.park(unfit.key, str(unfit))


def check_log_identity(feed: Feed, checkpoint: Checkpoint, stopped: Callable[[], bool]) -> None:
    """Wait until the feed is where a target is, or `stopped`.

    Raises `LostCommits` if the log ends before that, `Diverged` if it has another commit at that position.
    """
    if not feed.wait_for(checkpoint.position, stopped):
        end = feed.head.position
        raise LostCommits(
            f"the target has seen commit {checkpoint.position}, but the log ends at {end}; it is "
            "left as it is until the log has its commits back",
            checkpoint=checkpoint.position,
            head=end,
        )
    known = feed.head_at(checkpoint.position)
    if known.hash != checkpoint.hash:
        raise Diverged(
            f"the target has seen another commit {checkpoint.position} than the log has; it is "
            "left as it is: they belong to different histories",
            position=checkpoint.position,
            target=checkpoint.hash,
            log=known.hash,
        )
