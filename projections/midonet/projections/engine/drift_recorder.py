"""Recording: turns what a runner puts right into records, lines of the journal and counts."""

import logging
from collections.abc import Sequence
from typing import Any

from midonet.events.timestamps import utc_now
from midonet.projections.base import Checkpoint, SideRepair, key_text
from midonet.projections.engine.drift import DriftRecord, Repairs, kind_of_repair, shown

logger = logging.getLogger(__name__)

_NAMED = 5
"""Repairs that one line of the journal names."""


class DriftRecorder:
    """Records the repairs of one target of a projection; `where` is what people call the target."""

    def __init__(self, projection: str, where: str) -> None:
        self.repairs = Repairs()
        self._projection = projection
        self._where = where

    def repair(self, key: Any, found: Any, expected: Any, position: int) -> DriftRecord:
        """Return the record of a repair at this moment."""
        texts = shown(found, expected)
        return DriftRecord(
            time=utc_now(),
            projection=self._projection,
            target=self._where,
            key=key_text(key),
            kind=kind_of_repair(found, expected),
            found=texts[0],
            expected=texts[1],
            position=position,
        )

    def checkpoint(self, found: Checkpoint, expected: Checkpoint) -> None:
        """Record that somebody edited or removed the checkpoint."""
        self.record([self.repair("checkpoint", _plain(found), _plain(expected), expected.position)])

    def mended(self, mended: Sequence[SideRepair], position: int) -> None:
        """Record what a target put right by itself."""
        self.record([self.repair(each.key, each.found, each.expected, position) for each in mended])

    def record(self, repairs: Sequence[DriftRecord]) -> None:
        """Keep records, and say on the journal what they are about."""
        if repairs:
            self.repairs.note(repairs)
            named = ", ".join(f"{repair.key} ({repair.kind})" for repair in repairs[:_NAMED])
            more = f" and {len(repairs) - _NAMED} more" if len(repairs) > _NAMED else ""
            logger.warning("%s: repaired %s%s", self._projection, named, more)


def _plain(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Return a checkpoint as it is shown; None where there is none."""
    return {"position": checkpoint.position, "hash": checkpoint.hash} if checkpoint.position else None
