"""The reader of the log for all projections of a process: folds commits into one topology and notifies followers.

Followers record each commit under the lock and do slow work elsewhere, so a slow or unreachable target delays neither
the feed nor another target. The feed never writes.

If the first follower has sent a write, the other followers are notified a moment later, so that the server can use the
processor to answer. A thread that acquires the lock notifies them first, so no thread reads a topology of which a
follower was not notified.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from time import sleep
from typing import Protocol

from midonet.events.backoff import Backoff
from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import MidonetError, VerificationFailed
from midonet.events.log.base import Bookmark, Log, Progress
from midonet.events.system.control import ProjectionControl
from midonet.events.system.objects import SystemObject, control_of
from midonet.events.topology.evolve import Change, fold
from midonet.events.topology.topology import Topology
from midonet.projections.engine.log_end import LogEnd

logger = logging.getLogger(__name__)

_REMEMBERED = 4096
"""Number of recent heads in memory, so that lag and log identity do not require a read of the log."""

_PAUSE = 0.001
"""Seconds for which the other followers wait at the end of the log after a write was sent."""

_SMALL_COMMIT = 32
"""Number of changes up to which a commit is sent at once and no further thread is needed."""

_EXPECTED_DELAY = 0.1
"""Seconds within which a commit that another reader reported normally arrives."""


class Follower(Protocol):
    """A subscriber of the feed.

    Any thread calls `attach` and `apply` under the feed's lock: they are quick, do no I/O and never raise. A follower
    may have `send()`, which sends the change of the commit if that is possible without waiting, and returns whether it
    did. It is called under the lock right after `apply` and before later followers are notified, unless an earlier
    follower has sent: two servers that work at the same moment delay each other.
    """

    def attach(self, topology: Topology) -> None:
        """Start again from a whole topology."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Record the changes of one commit, which the topology has already."""

    def wake(self) -> None:
        """Start work on the recorded changes; called after every commit, without the lock."""


Listener = Callable[[Record, Sequence[Change], Topology], None]
"""Receives a commit, its changes and the topology after it; called as `Follower.apply` is."""


class Feed:
    """Follows the log that `open_log` opens, on a thread of its own, for ever.

    `idle`: seconds after which the end of a quiet log is confirmed again.
    """

    def __init__(self, open_log: Callable[[], Log], *, idle: float = 1.0) -> None:
        self._open_log = open_log
        self._log_end = LogEnd(open_log)
        self._idle = idle
        self._topology = Topology()
        self._followers: list[Follower] = []
        self._listeners: list[Listener] = []
        self._recent: deque[Head] = deque([GENESIS], maxlen=_REMEMBERED)
        self._known = Bookmark(GENESIS.position, GENESIS.hash)
        """Location of the last commit in the log."""
        self._undelivered: Iterator[None] | None = None
        """Notifies the followers that were not notified of the last commit."""
        self._wake_pending = False
        """Whether followers must still be woken after the last commit."""
        self._progress = 0
        self._moved = threading.Condition()
        self._stopped = threading.Event()
        self._broken: VerificationFailed | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.error: MidonetError | None = None
        """Why the log cannot be read at present, or None."""

    # -- for followers

    @property
    def head(self) -> Head:
        """The commit up to which the topology is folded."""
        return self._recent[-1]

    @property
    def system_objects(self) -> Mapping[str, SystemObject]:
        """Controls on the log by their keys, as of the head or shortly before."""
        return self._topology.system

    def control(self, projection: str) -> ProjectionControl:
        """Return the control that operators set for a projection."""
        return control_of(self._topology.system, projection)

    @contextmanager
    def reading(self) -> Iterator[Topology]:
        """Hold the topology at one position; `VerificationFailed` if a commit could not be folded."""
        with self._moved:
            self._check_intact()
            self._deliver_rest()
            yield self._topology

    def _check_intact(self) -> None:
        if self._broken is not None:
            raise VerificationFailed(self._broken.message, **self._broken.details)

    def subscribe(self, follower: Follower, *, first: bool = False) -> None:
        """Attach a follower to the present topology and notify it of changes, `first` before others or after them."""
        with self.reading() as topology:
            follower.attach(topology)
            self._followers = [follower, *self._followers] if first else [*self._followers, follower]

    def unsubscribe(self, follower: Follower) -> None:
        """Remove a follower."""
        with self._moved:
            self._deliver_rest()
            self._followers = [other for other in self._followers if other is not follower]

    def add_listener(self, listener: Listener) -> Head:
        """Call a listener for every later commit; return the head before the first of them."""
        with self.reading():
            self._listeners = [*self._listeners, listener]
            return self.head

    def remove_listener(self, listener: Listener) -> None:
        """Remove a listener."""
        with self._moved:
            self._deliver_rest()
            self._listeners = [other for other in self._listeners if other != listener]

    def wait_for(self, position: int, stopped: Callable[[], bool]) -> bool:
        """Wait until the topology is at `position`, or `stopped`; return False if the log ends before it.

        If the commit does not arrive soon, the end of the log is read. The log is known to end there after two reads,
        since the first may have begun before the call.
        """
        with self._moved:
            enough = self._progress + 2
            if self.head.position < position and not stopped():
                self._moved.wait(_EXPECTED_DELAY)
                self._check_intact()
        if self.head.position < position and not stopped() and self._ends_before(position):
            return False
        with self._moved:
            while self.head.position < position and not stopped():
                if self._progress >= enough:
                    return False
                self._moved.wait(self._idle)
                self._check_intact()
            return True

    def wait_for_end(self, stopped: Callable[[], bool]) -> None:
        """Wait until the topology is at the present end of the log, or `stopped`; do not wait for an unknown end."""
        if self.error is not None:
            return
        end = self._log_end.end(self._known)
        if end is not None:
            self.wait_for(end, stopped)

    def _ends_before(self, position: int) -> bool:
        """Return whether the log is known to end before a position."""
        end = self._log_end.end(self._known)
        return end is not None and end < position

    def wait_until_read(self, stopped: Callable[[], bool]) -> None:
        """Wait until the end of the log was reached once."""
        with self._moved:
            while not self._progress and not stopped():
                self._moved.wait(self._idle)
                self._check_intact()

    def head_at(self, position: int) -> Head:
        """Return the head as it was at `position`, from memory or from the log; raises as `Log.head_at`."""
        with self._moved:
            index = position - self._recent[0].position
            if 0 <= index < len(self._recent):
                return self._recent[index]
        with closing(self._open_log()) as log:
            return log.head_at(position)

    def next_after(self, position: int) -> Head:
        """Return the first commit after `position`, or the first one still in memory."""
        with self._moved:
            index = position + 1 - self._recent[0].position
            return self._recent[max(0, min(index, len(self._recent) - 1))]

    # -- the thread

    def start(self) -> None:
        """Start to follow the log."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; the folded topology stays readable."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._log_end.close()

    def _run(self) -> None:
        backoff = Backoff()
        while not (self._stopped.is_set() or self._broken):
            try:
                self._follow(backoff)
            except Exception as error:  # noqa: BLE001 - no error may end all projections silently
                self._failed(error)
                self._stopped.wait(backoff.next())

    def _follow(self, backoff: Backoff) -> None:
        self._wake_followers()  # if the read was interrupted
        with closing(self._open_log()) as log:
            for item in log.follow(self.head, stopped=self._stopped.is_set, idle=self._idle):
                if isinstance(item, Record):
                    self._known = Bookmark(item.commit.position, item.hash, log.offset_hint(item.commit.position))
                self._process(item)
                self.error = None
                backoff.reset()

    def _failed(self, error: Exception) -> None:
        known = self._broken or (error if isinstance(error, MidonetError) else MidonetError(f"unexpected: {error!r}"))
        if self.error is None or self.error.message != known.message:
            logger.warning("the log cannot be read beyond %d: %s", self.head.position, known)
        self.error = known

    def _process(self, item: Record | Progress) -> None:
        self._check_intact()
        if isinstance(item, Record):
            self._wake_followers()
            if not self._fold(item):
                self._wake_followers()
            return
        if self._wake_pending:
            sleep(_PAUSE)
            self._wake_followers()
        with self._moved:
            self._progress += 1
            self._moved.notify_all()

    def _fold(self, record: Record) -> bool:
        """Fold a commit and notify; return whether notification is paused because a write was sent."""
        with self._moved, self._all_or_broken():
            changes = fold(self._topology, record)
            self._wake_pending = True
            delivery = self._deliver(record, changes)
            paused = any(True for _ in delivery)
            self._undelivered = delivery if paused else None
        return paused

    def _deliver(self, record: Record, changes: Sequence[Change]) -> Iterator[None]:
        """Notify followers and listeners of a commit; pause after the first that sent it, if it is small."""
        sent = False
        for follower in self._followers:
            follower.apply(changes)
            if not sent and (sent := _sends(follower)):
                if len(changes) > _SMALL_COMMIT:
                    follower.wake()
                else:
                    yield
        for listener in self._listeners:
            listener(record, changes, self._topology)
        self._recent.append(record.head)
        self._moved.notify_all()

    def _deliver_rest(self) -> None:
        """Notify the remaining followers of the last commit; done under the lock before the topology is read."""
        rest, self._undelivered = self._undelivered, None
        if rest is not None:
            with self._all_or_broken():
                deque(rest, maxlen=0)

    def _wake_followers(self) -> None:
        """Notify all followers of the last commit, and wake them."""
        if self._wake_pending:
            self._wake_pending = False
            with self._moved:
                self._deliver_rest()
            for follower in self._followers:
                follower.wake()

    @contextmanager
    def _all_or_broken(self) -> Iterator[None]:
        """Call all functions; after an error the topology is not readable any more."""
        try:
            yield
        except Exception as error:
            self._broken = (
                error if isinstance(error, VerificationFailed) else VerificationFailed(f"unexpected: {error!r}")
            )
            raise


def _sends(follower: Follower) -> bool:
    send: Callable[[], bool] | None = getattr(follower, "send", None)
    return send is not None and send()
