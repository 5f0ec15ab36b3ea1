"""Who wanted what and was refused: the newest refusals of this node, and a line in its journal for each.

Refusals are no commits: the log holds what happened. The same refusal again within ten seconds is only counted, so that
nobody fills a disk by asking.
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
    """One refusal, and how often it came again within ten seconds."""

    time: str
    actor: str
    address: str
    method: str
    path: str
    code: str
    reason: str
    times: int = 1


class Denials:
    """Keeps the newest. Any thread may ask."""

    def __init__(self) -> None:
        self._denials: deque[Denial] = deque(maxlen=_CAPACITY)
        self._last_added = 0.0
        self._lock = Lock()

    def add(self, denial: Denial) -> None:
        """Take note of a refusal."""
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
        """Return the newest refusals, the last one first."""
        with self._lock:
            return list(self._denials)[::-1][:limit]
