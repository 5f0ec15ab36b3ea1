"""Records drift: as drift records, log lines and counts."""

import logging
from collections.abc import Sequence
from typing import Any

from midonet.events.timestamps import utc_now
from midonet.projections.base import Checkpoint, SideRepair, key_text
from midonet.projections.engine.drift import DriftRecord, RecentDrift, describe_difference, drift_kind

logger = logging.getLogger(__name__)

_NAMED = 5
"""Maximum number of repairs that one log line lists."""


class DriftRecorder:
    """Records the repairs of one target of a projection; `where` is the name of the target in messages."""

    def __init__(self, projection: str, where: str) -> None:
        self.recent = RecentDrift()
        self._projection = projection
        self._where = where

    def new_record(self, key: Any, found: Any, expected: Any, position: int) -> DriftRecord:
        """Return the record of a repair at this moment."""
        texts = describe_difference(found, expected)
        return DriftRecord(
            time=utc_now(),
            projection=self._projection,
            target=self._where,
            key=key_text(key),
            kind=drift_kind(found, expected),
            found=texts[0],
            expected=texts[1],
            position=position,
        )

    def record_checkpoint(self, found: Checkpoint, expected: Checkpoint) -> None:
        """Record that another client edited or removed the checkpoint."""
        self.record([self.new_record("checkpoint", _plain(found), _plain(expected), expected.position)])

    def record_side_repairs(self, repairs: Sequence[SideRepair], position: int) -> None:
        """Record the repairs that a target made itself."""
        self.record([self.new_record(each.key, each.found, each.expected, position) for each in repairs])

    def record(self, records: Sequence[DriftRecord]) -> None:
        """Store records, and log them in one line."""
        if records:
            self.recent.add(records)
            named = ", ".join(f"{record.key} ({record.kind})" for record in records[:_NAMED])
            more = f" and {len(records) - _NAMED} more" if len(records) > _NAMED else ""
            logger.warning("%s: repaired %s%s", self._projection, named, more)


def _plain(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Return a checkpoint as text; None if there is none."""
    return {"position": checkpoint.position, "hash": checkpoint.hash} if checkpoint.position else None
