"""The newest denied requests of this node, with a log line for each.

Denied requests are no commits. The same denial again within ten seconds only increments a counter, so that a client
cannot fill the disk with log lines.
"""

import logging
from collections import deque
from threading import Lock
from time import monotonic

from msgspec import Struct
from msgspec.structs import replace

from midonet.projections.runtime import logfmt

_CAPACITY = 1_000
_REPEAT_SECONDS = 10.0
_MAX_TEXT = 500


class Denial(Struct, frozen=True, kw_only=True):
    """One denied request, and how often it was repeated within ten seconds."""

    time: str
    actor: str
    address: str
    method: str
    path: str
    code: str
    reason: str
    times: int = 1


class Denials:
    """Buffer of the newest denied requests. Thread-safe."""

    def __init__(self) -> None:
        self._denials: deque[Denial] = deque(maxlen=_CAPACITY)
        self._last_added = 0.0
        self._lock = Lock()

    def add(self, denial: Denial) -> None:
        """Add a denied request."""
        new = replace(denial, path=denial.path[:_MAX_TEXT], reason=denial.reason[:_MAX_TEXT])
        with self._lock:
            last = self._denials[-1] if self._denials else None
            again = last is not None and replace(last, time=new.time, times=1) == new
            if last is not None and again and monotonic() - self._last_added < _REPEAT_SECONDS:
                self._denials[-1] = replace(last, times=last.times + 1)
                return
            self._denials.append(new)
            self._last_added = monotonic()
        request = f"{new.method} {new.path}"
        logfmt.log(logging.WARNING, "denied", actor=new.actor, address=new.address, request=request, reason=new.reason)

    def newest(self, limit: int) -> list[Denial]:
        """Return the newest denied requests, the last one first."""
        with self._lock:
            return list(self._denials)[::-1][:limit]
