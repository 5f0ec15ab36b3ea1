"""A real log whose answers get lost, which fails, or which breaks: for those who write to it."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from midonet.events.commit import Head, Record
from midonet.events.errors import Conflict, OutcomeUnknown

__all__ = ["UnluckyLog"]

Fate = str | BaseException


class UnluckyLog:
    """Appends as fate has it, one fate per append, then without trouble.

    The answer is lost to a write that has `arrived`, comes `late` (with the next append) or is `lost`; `fine` is fine,
    and an exception is raised before anything is written.
    """

    def __init__(self, log: Any, fates: Sequence[Fate]) -> None:
        self._log = log
        self._fates = list(fates)
        self._late: tuple[Head, Sequence[bytes | Record]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, head: Head, batch: Sequence[bytes | Record]) -> int:
        """Append, or not, and perhaps lose the answer."""
        if self._late is not None:
            late, self._late = self._late, None
            with suppress(Conflict):  # too late
                self._log.append(*late)
        fate = self._fates.pop(0) if self._fates else "fine"
        if isinstance(fate, BaseException):
            raise fate
        if fate == "late":
            self._late = (head, batch)
        if fate in ("arrived", "fine"):
            self._log.append(head, batch)
        if fate != "fine":
            raise OutcomeUnknown("the line went dead")
        return len(batch)
