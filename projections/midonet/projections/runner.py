"""The runner: keeps one target equal to one projection, whatever happens to the target, the log or this process.

One thread per runner. The little that an ordinary commit changes is sent by the feed's thread, which knows of it first,
if the runner's own one rests; that one waits for the answer. It takes over where the target's checkpoint says, never
writes from a position behind it, never from a log that does not contain it, and never gives up. What was lost or edited
by others is repaired when it is found, and recorded. Errors are a state to show, not a reason to end.

Any number of processes may keep the same target. One writes; the others stand by: they fold and write nothing, and one
of them takes over when the target stays behind the log and nobody moves it.
"""

import logging
import operator
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from midonet.events.controls import ProjectionControl
from midonet.events.errors import Diverged, LostCommits, VerificationFailed
from midonet.events.evolve import Change
from midonet.events.topology import Topology
from midonet.projections.backoff import Backoff
from midonet.projections.feed import Feed
from midonet.projections.port import Checkpoint, Fenced, Projection, Target, Unfit, key_text
from midonet.projections.recording import Recorder
from midonet.projections.repairs import Repair, Repairs
from midonet.projections.status import Standing, State, Status, moving_state
from midonet.projections.tracker import Tracker

__all__ = ["GRACE", "Runner"]

logger = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

GRACE = 0.3
"""Seconds that a target may stay behind, with nobody moving it, before one that stands by takes over."""

_MOMENT = 0.002
"""Seconds for which a position waits that comes without values: who has values to write needs the processor more."""

_LITTLE, _MUCH = 32, 10_000
"""Values that may be made and sent on the feed's thread, which all projections wait for: in general, and of one that
goes ahead of the others."""

_PATIENCE = 20
"""Graces after which one takes over although somebody moves something in the target."""


class _Step(NamedTuple):
    """What is to be written in one go."""

    delta: Mapping[Any, Any]
    checkpoint: Checkpoint
    repairs: Sequence[Repair]
    news: set[Any]


class Runner(Generic[K, V]):
    """Keeps `target`, called `where`, equal to `projection` as the feed moves.

    `reconcile_interval`: seconds after which the target is read again though nobody seems to have touched it.
    `grace`: seconds, see `GRACE`. `same`: as for `Tracker`. `ahead`: whether it goes before the others that follow the
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
        ahead: bool = False,
    ) -> None:
        self.name = projection.name
        self._feed = feed
        self._projection = projection
        self._target = target
        self._interval = reconcile_interval
        self._grace = grace
        self._ahead = ahead
        self._tracker = Tracker(projection, same)
        self._recorder = Recorder(self._family, where)
        self._control = ProjectionControl(self._family)
        self._checkpoint: Checkpoint | None = None
        self._peeked = Checkpoint()
        self._tried: Checkpoint | None = None
        self._attached = False
        self._standby = False
        self._stirred = 0.0
        self._loaded = 0.0
        self._strange: set[K] = set()
        self._renewed = False
        self._news: set[K] = set()
        self._standing = Standing(projection.name)
        self._backoff = Backoff()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        """Held by whoever makes use of the target: the thread, unless it rests."""
        self._flight: Callable[[], None] | None = None
        """What waits for the answer to what the feed's thread has sent."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        target.on_change(self._stir)

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

    def status(self) -> Status:
        """Return how the target stands, without asking it."""
        head, position = self._feed.head.position, self._position
        lag = max(0, head - position)
        lag_seconds = _age(self._feed.next_after(position).time) if lag else 0.0
        error = self._standing.error or self._feed.error
        state = self._state(error, lag_seconds)
        quiet = f"behind, and nothing was written for {self._standing.quiet_seconds:.0f} s"
        return Status(
            name=self.name,
            state=state,
            role="standby" if self._standby else "writing",
            position=position,
            head=head,
            lag_events=lag,
            lag_seconds=lag_seconds,
            error=str(error) if error else quiet if state == "stalled" else None,
            parked={key_text(key): reason for key, reason in self._tracker.parked.copy().items()},
        )

    @property
    def trouble(self) -> Exception | None:
        """What went wrong last, until it is over."""
        return self._standing.error

    @property
    def repairs(self) -> Repairs:
        """What others did to the target and was put right."""
        return self._recorder.repairs

    @property
    def _position(self) -> int:
        return (self._checkpoint or self._peeked).position

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
            in_step=self._standing.in_step,
            empty=self._position == 0,
            lag_seconds=lag_seconds,
            quiet_seconds=self._standing.quiet_seconds,
        )

    # -- for the feed and the target

    def attach(self, topology: Topology) -> None:
        """Start over from a whole topology."""
        self._projection.attach(topology)
        self._tracker.start_over()
        self._attached = True

    def apply(self, changes: Sequence[Change]) -> None:
        """Take note of the changes of one commit; a projection that cannot is attached anew, and harms no other."""
        try:
            touched = set(self._projection.apply(changes))
            self._tracker.touch(touched)
            self._strange -= touched  # what is found there may be another writer's, who was faster
        except Exception:
            logger.exception("%s: starts over, having failed to take note of a commit", self.name)
            self._attached = False

    def note(self, *changes: Change) -> None:
        """Take note of what no commit says, such as what the network reports; called by any thread.

        What has to be written for that puts nothing right that others did.
        """
        with self._feed.reading():
            keys = set(self._projection.apply(changes))
            self._tracker.touch(keys)
            self._news |= keys
        self.wake()

    def wake(self) -> None:
        """Go and look; called by any thread."""
        self._wake.set()

    def send(self) -> bool:
        """Send what a commit has changed, if it is little and the thread rests; return whether anything was sent."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            if self._flight is None:
                self._send_ahead()
                return self._flight is not None
        except Exception:
            logger.exception("%s: leaves to its thread what could not be sent at once", self.name)
        finally:
            self._turn.release()
        return False

    def _send_ahead(self) -> None:
        begin = getattr(self._target, "begin", None)
        if begin is None or not 0 < self._tracker.pending <= (_MUCH if self._ahead else _LITTLE):
            return
        if not self._attached or self._standby or self._idle() or self._target.drifted():
            return
        step = self._plan()
        try:
            answer = begin(step.delta, step.checkpoint) if step.delta else None
        except Exception as error:  # noqa: BLE001 - the thread deals with it, as if it had been the answer
            answer = partial(_raise, error)
        if answer is None:
            self._news |= step.news
        else:
            self._flight = partial(self._write, step, answer)

    def _stir(self) -> None:
        """Note that something moved in the target; called by any thread."""
        self._stirred = time.monotonic()
        self.wake()

    # -- the thread

    def _run(self) -> None:
        subscribed = False
        with self._turn:
            while not self._stopped.is_set():
                try:
                    self._feed.caught_up(self._stopped.is_set)
                    if not subscribed:
                        self._feed.subscribe(self, ahead=self._ahead)
                        subscribed = True
                    self._keep_equal()
                except Exception as error:  # noqa: BLE001 - whatever it is, a thread that ends leaves the view to rot
                    self._retry(error)
            self._feed.unsubscribe(self)
            self._target.close()

    def _keep_equal(self) -> None:
        """Read the target and keep it equal until it has to be read again, or somebody else does."""
        while self._paused() and not self._stopped.is_set():
            if self._checkpoint is None:  # of what nobody has read yet, only this is known
                self._peeked = self._target.peek()
                self._standing.succeeded(self._position)
            self._wake.wait()
            self._wake.clear()
        looks_only = self._standby and not self._left_behind()
        if not self._idle():
            self._load()
        if looks_only:
            self._standby = self._standby or not self._amiss()
        due = time.monotonic() + self._interval
        while not (self._standby or self._idle() or self._target.drifted()) and (left := due - time.monotonic()) > 0:
            self._flush()
            self._rest(left)

    def _rest(self, seconds: float) -> None:
        """Wait until there is something to do; then see to what was sent meanwhile."""
        self._turn.release()
        try:
            self._wake.wait(seconds)
            self._give_way()
        finally:
            self._turn.acquire()
        flight, self._flight = self._flight, None
        if flight is not None:
            flight()

    def _give_way(self) -> None:
        """Let others go first for a moment, unless there is something to write here, too."""
        due = time.monotonic() + _MOMENT
        self._wake.clear()  # before anything is looked at: what comes from now on wakes
        while self._attached and not self._tracker.pending and (left := due - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()

    def _idle(self) -> bool:
        return self._stopped.is_set() or self._paused()

    def _paused(self) -> bool:
        """Take note of what operators want; return whether they want nothing to be written."""
        wanted, before = self._feed.control(self._family), self._control
        self._control = wanted
        if (wanted.skipped, wanted.retried) != (before.skipped, before.retried):
            with self._feed.reading():
                self._news |= self._tracker.retry(wanted.skipped)
        return wanted.paused

    def _left_behind(self) -> bool:
        """Write nothing as long as somebody else does; return whether nobody does. If not, it is time for a look.

        That is also when something stirs that is no commit: the writer puts it right, if there is one.
        """
        looked = self._loaded
        due = time.monotonic() + self._interval * random.uniform(1.0, 1.5)  # noqa: S311 - keeps nodes out of step
        while not self._idle() and (left := due - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()
            behind = self._feed.head.position > self._position
            stirred, looked = self._stirred > looked, max(looked, self._stirred)
            if (behind or (stirred and not self._news)) and self._abandoned(moving=behind):
                if behind:
                    logger.info("%s: takes over at %d", self.name, self._position)
                return behind
            if self._news:  # the writer hears them as well, if there is one
                self._stopped.wait(self._grace * random.uniform(1.0, 1.3))  # noqa: S311 - as above
                return False
        return False

    def _abandoned(self, *, moving: bool) -> bool:
        """Give the writer its time; return whether it did not use it to get to the head, or to get on if it is there.

        Who does neither may have put right what is not as it was, or nobody has: `moving` tells which it is about.
        """
        head = self._feed.head.position if moving else self._position + 1
        for _ in range(_PATIENCE):
            begun = time.monotonic()
            self._stopped.wait(self._grace * random.uniform(1.0, 1.3))  # noqa: S311 - as above
            self._checkpoint = self._target.peek()
            if self._position >= head or self._stopped.is_set():
                self._standing.succeeded(self._position)
                return False
            if self._stirred < begun:
                return True
        return moving

    def _amiss(self) -> bool:
        """Whether a view that somebody else keeps lacks something at its own position."""
        with self._feed.reading() as topology:
            lacking = bool(self._tracker.delta())
            if not lacking:
                self._news.clear()
            return lacking and topology.head.position == self._position

    def _load(self) -> None:
        """Read all of the target, and find out what others did to it: another writer, or anybody else.

        What commits touch that are not in the target yet is nobody's doing: another writer may be at work on them. So
        whatever differs is judged by one who has read all that the log has.
        """
        self._loaded = time.monotonic()
        found, actual = self._target.load()
        with self._feed.reading():
            expected = self._tracker.untold
            strange = self._tracker.reconcile(actual)
            self._strange = strange - expected
            self._news |= self._tracker.retry(self._control.skipped)
        self._renewed = self._asked("renewed", otherwise=False)
        before = None if self._renewed else self._checkpoint
        edited = not self._holds(found, trusted=before is None or bool(strange))
        rival = before is not None and not edited and found.position > before.position and found != self._tried
        if before is None or rival or self._standby:  # who stood by knows old values only
            self._strange = set()
        if before is not None and strange and not rival:
            self._feed.catch_up(self._stopped.is_set)
        if before is not None and (edited or found.position < before.position):
            self._recorder.checkpoint(found, before)
        self._checkpoint, self._standby = found, rival
        self._recorder.mended(self._asked("mended", otherwise=()), self._position)
        if rival:
            self._standing.succeeded(self._position)

    def _holds(self, checkpoint: Checkpoint, *, trusted: bool) -> bool:
        """Whether the log holds a checkpoint; if not, and it is to be `trusted`, that is for people to resolve.

        It is not, where nothing else in the target differs from what this process left there: somebody edited it.
        """
        try:
            self._check(checkpoint)
        except (LostCommits, Diverged):
            if trusted or self._feed.error is not None:
                raise
            return False
        return True

    def _asked(self, what: str, *, otherwise: T) -> T:
        """Return what the target says of something that not all targets know."""
        ask = getattr(self._target, what, None)
        return ask() if ask is not None else otherwise

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
        step = self._plan()
        if step.delta or step.checkpoint != self._checkpoint:
            self._write(step, lambda: self._target.write(step.delta, step.checkpoint))
        else:
            self._succeeded()

    def _plan(self) -> _Step:
        with self._feed.reading() as topology:
            if not self._attached:
                self.attach(topology)
            delta = self._tracker.delta()
            checkpoint = Checkpoint(topology.head.position, topology.head.hash)
            repairs = list(self._foreign(delta, checkpoint))
            news, self._news = self._news, set()  # what is noted from now on is news again
        return _Step(delta, checkpoint, repairs, news)

    def _write(self, step: _Step, write: Callable[[], None]) -> None:
        """Do what writes a step, or waits for the answer; take note of how that went."""
        self._tried = step.checkpoint
        try:
            write()
        except Unfit as unfit:
            self._news |= step.news
            self._park(unfit)
            return
        except Exception:
            self._news |= step.news
            raise
        self._tracker.written()
        self._checkpoint = step.checkpoint
        self._strange.clear()
        self._renewed = False
        self._recorder.record(step.repairs)
        self._succeeded()

    def _succeeded(self) -> None:
        self._standing.succeeded(self._position)
        self._backoff.reset()

    def _foreign(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> Iterator[Repair]:
        """Yield what of a delta puts right what others did: what differs though no commit came, or was found so."""
        for key, expected in delta.items() if not self._renewed else ():
            if key in self._strange or (checkpoint == self._checkpoint and key not in self._news):
                position = self._origin(key) or checkpoint.position
                yield self._recorder.repair(key, self._tracker.actual(key), expected, position)

    def _origin(self, key: K) -> int | None:
        ask = getattr(self._projection, "origin", None)
        return ask(key) if ask is not None else None

    def _park(self, unfit: Unfit) -> None:
        logger.error("%s: parked %s", self.name, unfit)
        with self._feed.reading():
            self._tracker.park(unfit.key, str(unfit))
        self.wake()

    def _retry(self, error: Exception) -> None:
        """Note what went wrong and wait; for the log's commits longer than for a server."""
        self._standing.failed(error)
        if isinstance(error, Fenced):
            self._tried = None
            self._standby |= error.bulk  # two that take it from each other would get nowhere
        self._stopped.wait(self._interval if isinstance(error, VerificationFailed) else self._backoff.next())


def _raise(error: Exception) -> None:
    raise error


def _age(moment: str) -> float:
    """Return the seconds since an RFC 3339 time; clocks may differ, time does not run backwards."""
    return max(0.0, time.time() - datetime.fromisoformat(moment).timestamp()) if moment else 0.0
