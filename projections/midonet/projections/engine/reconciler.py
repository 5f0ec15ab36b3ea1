"""The reconciler: the difference between a projection and a target, the origin of each change, and the writes.

It distinguishes three origins of a change in a target: this process, another writer of the same projection, and any
other client. Changes by other clients are repaired and recorded; commits that another writer applied are not drift, and
drift does not stop the projection. The reconciler waits only for the log and has no thread: the thread that holds the
target's lock calls it, and the feed notifies it of commits under its own lock.
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
    """Values and checkpoint of one write."""

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
        """The checkpoint at which the target was last read or written; None if its values are unknown."""
        self._last_seen = Checkpoint()
        self._attempted: Checkpoint | None = None
        self._foreign: set[K] = set()
        """Keys that other clients changed, until they are repaired."""
        self._renewed = False
        self.attached = False
        """Whether the projection is attached to the feed's topology."""
        self.not_drift: set[K] = set()
        """Keys to write because of changed facts; writing them repairs no drift."""

    # -- how it stands

    @property
    def position(self) -> int:
        """The position of the target when it was last read, whether the log has it or not."""
        return self._last_seen.position

    @property
    def pending(self) -> int:
        """How many values may have to be written."""
        return self._tracker.pending

    @property
    def parked(self) -> Mapping[K, str]:
        """Omitted keys, with the reason."""
        return self._tracker.parked.copy()

    # -- what should be there

    def attach(self, topology: Topology) -> None:
        """Start again from a whole topology."""
        self._projection.attach(topology)
        self._tracker.touch_all()
        self.attached = True

    def apply(self, changes: Sequence[Change]) -> None:
        """Record the changes of one commit; if the projection fails, it is attached again, without effect on others."""
        try:
            touched = set(self._projection.apply(changes))
            self._tracker.touch(touched)
            self._foreign -= touched  # the target may hold values of another writer that was faster
        except Exception:
            logger.exception("%s: a commit could not be applied; the projection is attached again", self._name)
            self.attached = False

    def apply_facts(self, changes: Sequence[Change]) -> None:
        """Record changes of facts, which no commit explains."""
        with self._feed.reading():
            keys = set(self._projection.apply(changes))
            self._tracker.touch(keys)
            self.not_drift |= keys

    def retry(self, skipped: Collection[str]) -> None:
        """Retry parked keys, except those that are `skipped` from now on."""
        self._skipped = skipped
        with self._feed.reading():
            self.not_drift |= self._tracker.retry(skipped)

    # -- what is there

    def peek(self) -> None:
        """Read the checkpoint of a target that another process may be writing."""
        self._checkpoint = self._last_seen = self._target.peek()

    def peek_unread(self) -> bool:
        """As `peek`, for a target that was not read yet; it still counts as not read. Return whether it has values."""
        if self._checkpoint is not None:
            return False
        self._last_seen = self._target.peek()
        return True

    def load(self, stopped: Callable[[], bool], *, stood_by: bool) -> bool:
        """Read the whole target; return whether another writer is writing it. `stood_by`: whether one was before.

        Keys of commits that the target does not have yet are not drift: another writer may be writing them. So drift is
        decided only after the whole log was read. Raises as `check_log_identity`.
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
        if before is None or rival or stood_by:  # a standby has only old values
            self._foreign = set()
        if before is not None and strange and not rival:
            self._feed.wait_for_end(stopped)
        if before is not None and (edited or found.position < before.position):
            self._recorder.record_checkpoint(found, before)
        self._checkpoint = found
        self._recorder.record_side_repairs(self._ask_target("side_repairs", otherwise=()), self.position)
        return rival

    def _log_has(self, checkpoint: Checkpoint, stopped: Callable[[], bool], *, trusted: bool) -> bool:
        """Whether the log has a checkpoint; if not, and it is `trusted`, an operator has to resolve the contradiction.

        It is not trusted if all other values are as this process wrote them: then another client changed the
        checkpoint.
        """
        try:
            check_log_identity(self._feed, checkpoint, stopped)
        except (LostCommits, Diverged):
            if trusted or self._feed.error is not None:
                raise
            return False
        return True

    def _ask_target(self, what: str, *about: Any, otherwise: T) -> T:
        """Return the result of an optional method of the target."""
        ask = getattr(self._target, what, None)
        return ask(*about) if ask is not None else otherwise

    def _accepts(self, key: K, value: V | None) -> bool:
        return value is None or self._ask_target("accepts", key, value, otherwise=True)

    def lacks_values(self) -> bool:
        """Whether a target that another process writes lacks values at its own position."""
        with self._feed.reading() as topology:
            lacking = any(self._accepts(key, value) for key, value in self._tracker.delta().items())
            if not lacking:
                self.not_drift.clear()
            return lacking and topology.head.position == self.position

    # -- making the one the other

    def plan(self) -> WriteStep:
        """Return the next write, with the position of the target after it."""
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
        """Return whether a step changes anything."""
        return bool(step.delta) or step.checkpoint != self._checkpoint

    def defer(self, step: WriteStep) -> None:
        """Postpone a step."""
        self.not_drift |= step.not_drift

    def write(self, step: WriteStep, write: Callable[[], None]) -> bool:
        """Write a step, or wait for its answer; return False if a value was parked and nothing written."""
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
        """Record that the target changed during a write: the write was certainly not applied."""
        self._attempted = None

    def _drift_records(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> Iterator[DriftRecord]:
        """Yield drift records for a delta: values that differ without a commit, or that were read as changed."""
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
            f"the target has seen commit {checkpoint.position}, but the log ends at {end}; the target is "
            "not changed until the log has these commits again",
            checkpoint=checkpoint.position,
            head=end,
        )
    known = feed.head_at(checkpoint.position)
    if known.hash != checkpoint.hash:
        raise Diverged(
            f"commit {checkpoint.position} of the target differs from that of the log; the target is "
            "not changed, since it belongs to another log",
            position=checkpoint.position,
            target=checkpoint.hash,
            log=known.hash,
        )
