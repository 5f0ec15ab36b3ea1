"""Standby: when to leave a target to another writer, and when to take over from a writer without progress.

There is no election and no session time-out: a standby takes over if the target stays behind the log and does not
change. Two standbys that take over at once are harmless, because the checkpoint comparison refuses one of them, so this
decision need not be exact. This module reads the target's checkpoint and never writes.
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
    """A possible standby of one target.

    `interval`: seconds after which it reads the checkpoint without a notification. `grace`: seconds, see `GRACE`.
    `wake` is set when the target may have changed, `stopped` at shutdown; `suspended` returns whether writes are
    disabled.
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
        """Whether another process writes the target."""

    def touch(self) -> None:
        """Record that the target changed; called by any thread."""
        self._touched_at = time.monotonic()

    def about_to_load(self) -> None:
        """Record that the whole target is about to be read."""
        self._loaded_at = time.monotonic()

    def should_take_over(self) -> bool:
        """Stand by for at most `interval`; return whether to take over. If not, the caller reads the target again.

        The wait also ends if the target changed without a commit and its writer did not repair it.
        """
        seen = self._loaded_at
        due = time.monotonic() + self._interval * random.uniform(1.0, 1.5)  # noqa: S311 - spreads the nodes
        while not self._suspended() and (left := due - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()
            behind = self._feed.head.position > self._reconciler.position
            touched, seen = self._touched_at > seen, max(seen, self._touched_at)
            if (behind or (touched and not self._reconciler.not_drift)) and self._is_abandoned(moving=behind):
                return behind
            if self._reconciler.not_drift:  # the writer, if there is one, is notified as well
                self._pause()
                return False
        return False

    def _is_abandoned(self, *, moving: bool) -> bool:
        """Wait for the writer's grace period; return whether it made no progress.

        Progress is a higher position or, at the head, a repair: `moving` states which of the two is expected.
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
        self._stopped.wait(self._grace * random.uniform(1.0, 1.3))  # noqa: S311 - spreads the nodes
