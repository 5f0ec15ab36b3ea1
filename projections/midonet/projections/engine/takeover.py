"""Standing by: when to leave a target to another writer, and when to take over from one that moves it no more.

There is no election and no session that times out: whoever sees that a target stays behind the log, and that nothing
stirs in it, takes over. Two that do so at once harm nobody, as the checkpoint refuses one of them; so this only has to
be right nearly always. It looks at the target's checkpoint, and never writes.
"""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from midonet.projections.engine.feed import Feed
from midonet.projections.engine.reconciler import Reconciler
from midonet.projections.engine.status import Health

GRACE = 0.3
"""Seconds that a target may stay behind without progress before a standby takes over."""

_PATIENCE = 20
"""Grace periods after which a standby takes over although the target changes."""


class Takeover:
    """One that may stand by, at one target.

    `interval`: seconds after which it has a look though nothing stirred. `grace`: seconds, see `GRACE`. `wake` is set
    when there may be something to see, `stopped` when it is all over; `suspended` says whether nothing may be
    written.
    """

    def __init__(  # noqa: PLR0913 - two times, two signals, and whom they are about
        self,
        feed: Feed,
        reconciler: Reconciler[Any, Any],
        health: Health,
        *,
        interval: float,
        grace: float,
        wake: threading.Event,
        stopped: threading.Event,
        suspended: Callable[[], bool],
    ) -> None:
        self._feed = feed
        self._reconciler = reconciler
        self._health = health
        self._interval = interval
        self._grace = grace
        self._wake = wake
        self._stopped = stopped
        self._suspended = suspended
        self._touched_at = 0.0
        self._loaded_at = 0.0
        self.active = False
        """Whether another process writes."""

    def touch(self) -> None:
        """Note that something moved in the target; called by any thread."""
        self._touched_at = time.monotonic()

    def about_to_load(self) -> None:
        """Note that the target is about to be read as a whole."""
        self._loaded_at = time.monotonic()

    def should_take_over(self) -> bool:
        """Write nothing as long as somebody else does; return whether nobody does. If not, it is time for a look.

        That is also when something stirs that is no commit: the writer puts it right, if there is one.
        """
        looked = self._loaded_at
        due = time.monotonic() + self._interval * random.uniform(1.0, 1.5)  # noqa: S311 - keeps nodes out of step
        while not self._suspended() and (left := due - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()
            behind = self._feed.head.position > self._reconciler.position
            stirred, looked = self._touched_at > looked, max(looked, self._touched_at)
            if (behind or (stirred and not self._reconciler.not_drift)) and self._is_abandoned(moving=behind):
                return behind
            if self._reconciler.not_drift:  # the writer hears them as well, if there is one
                self._pause()
                return False
        return False

    def _is_abandoned(self, *, moving: bool) -> bool:
        """Give the writer its time; return whether it did not use it to get to the head, or to get on if it is there.

        Who does neither may have put right what is not as it was, or nobody has: `moving` tells which it is about.
        """
        head = self._feed.head.position if moving else self._reconciler.position + 1
        for _ in range(_PATIENCE):
            begun = time.monotonic()
            self._pause()
            self._reconciler.peek()
            if self._reconciler.position >= head or self._stopped.is_set():
                self._health.succeeded(self._reconciler.position)
                return False
            if self._touched_at < begun:
                return True
        return moving

    def _pause(self) -> None:
        self._stopped.wait(self._grace * random.uniform(1.0, 1.3))  # noqa: S311 - keeps nodes out of step
