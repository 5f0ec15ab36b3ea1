"""The status of a projection on its target, in the same terms for every projection."""

import logging
import time
from collections import deque
from datetime import datetime
from typing import Literal

from msgspec import Struct

from midonet.events.errors import MidonetError
from midonet.projections.base import Fenced

logger = logging.getLogger(__name__)

State = Literal["live", "catching-up", "rebuilding", "paused", "parked", "stalled"]

Role = Literal["writing", "standby"]

_LIVE_LAG_SECONDS = 1.0
"""Seconds that a live view may lag."""

_STALL_SECONDS = 5.0
"""Seconds without any progress after which a view that is behind is stalled."""


class Status(Struct, frozen=True, kw_only=True):
    """The status of one projection on its target."""

    name: str
    state: State
    role: Role
    """Whether this process writes, or is a standby."""
    position: int
    """The commit up to which the target contains all changes."""
    head: int
    """The commit up to which this process has read the log."""
    lag_events: int
    """Commits that the target lacks."""
    lag_seconds: float
    """Age of the oldest of them."""
    error: str | None
    """The latest error until the next success, or why there is no progress."""
    parked: dict[str, str]
    """Omitted keys, with the reason."""


def moving_state(
    *, in_sync: bool, empty: bool, lag_seconds: float, quiet_seconds: float, failing_seconds: float
) -> State:
    """Return the state of a view that is neither paused nor parked.

    `in_sync`: the target was read and written last without error. `empty`: it has no values yet. `quiet_seconds`: since
    the last progress. `failing_seconds`: since the last success.
    """
    if min(quiet_seconds, lag_seconds) > _STALL_SECONDS or failing_seconds > _STALL_SECONDS:
        return "stalled"
    if in_sync and lag_seconds < _LIVE_LAG_SECONDS:
        return "live"
    return "rebuilding" if empty else "catching-up"


class Arrivals:
    """Arrival times of the latest commits, by a monotonic clock: the clock of a commit's author may be wrong."""

    _REMEMBERED = 4096

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._times: deque[float] = deque(maxlen=self._REMEMBERED)

    def add(self) -> None:
        """Record the arrival of a commit."""
        self._times.append(time.monotonic())

    def age(self, count: int, made: str) -> float:
        """Return the age in seconds of the first of the last `count` commits; its own time is `made` (RFC 3339).

        The age of commits before the recorded ones is computed from their own time.
        """
        times, now = list(self._times), time.monotonic()
        if not count:
            return 0.0
        if count <= len(times):
            return now - times[-count]
        since = times[0] if times else self._begun
        return max(now - since, time.time() - datetime.fromisoformat(made).timestamp() if made else 0.0)


class Health:
    """The result of the latest attempts, and since when; logs each change of it once."""

    def __init__(self, name: str) -> None:
        self.error: Exception | None = None
        self.in_sync = False
        self._name = name
        self._succeeded = self._failed = time.monotonic()

    @property
    def quiet_seconds(self) -> float:
        """Seconds since the last success."""
        return time.monotonic() - self._succeeded

    @property
    def failing_seconds(self) -> float:
        """Seconds since the first failure after the last success."""
        return 0.0 if self.in_sync else time.monotonic() - self._failed

    def succeeded(self, position: int) -> None:
        """Record that the target is up to date at a position."""
        if self.error is not None:
            logger.info("%s: caught up at %d", self._name, position)
        self.error = None
        self.in_sync = True
        self._succeeded = time.monotonic()

    def failed(self, error: Exception) -> None:
        """Record an error; log a stack trace only if it is unexpected."""
        if not isinstance(error, (MidonetError, Fenced)):
            logger.error("%s: unexpected error", self._name, exc_info=error)
        elif str(error) != str(self.error):
            logger.warning("%s: %s", self._name, error)
        if self.in_sync:
            self._failed = time.monotonic()
        self.error = error
        self.in_sync = False
