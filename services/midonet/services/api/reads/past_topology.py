"""Topologies of the past: folded from the newest snapshot before the moment, with a cache of the last ones.

The feed's own topology is not touched. A returned topology is shared and must not be changed.
"""

import os
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from midonet.events.commit import GENESIS, sha256
from midonet.events.log import Log
from midonet.events.log.snapshots import Snapshot, Snapshots
from midonet.events.queries.moment import Moment
from midonet.events.redaction import redact
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.services.api.reads.log_pool import LogPool

_CACHE_SIZE = 2


def snapshots_of(url: str) -> Snapshots:
    """Return the snapshots of a log in the user's cache directory; they are disabled without one."""
    home = os.environ.get("HOME")
    cache = os.environ.get("CACHE_DIRECTORY") or os.environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    return Snapshots(Path(cache) / "midonet" / sha256(redact(url).encode())[:16] if cache.startswith("/") else None)


class Past:
    """Reads past topologies of one log. Thread-safe."""

    def __init__(self, logs: LogPool, snapshots: Snapshots) -> None:
        self._logs = logs
        self._snapshots = snapshots
        self._cache: OrderedDict[Moment, Topology] = OrderedDict()
        self._lock = Lock()

    def topology(self, moment: Moment) -> Topology:
        """Return the topology as of a past moment; raises the errors of `Moment.upto` and of the log."""
        with self._lock:  # one at a time: each takes a CPU and the memory of a whole topology
            found = self._cache.get(moment) or self._folded(moment)
            self._cache[moment] = found
            self._cache.move_to_end(moment)
            while len(self._cache) > _CACHE_SIZE:
                self._cache.popitem(last=False)
            return found

    def private_copy(self, moment: Moment) -> Topology:
        """Return a topology that is not shared: the caller may fold commits into it."""
        return self._folded(moment)

    def _folded(self, moment: Moment) -> Topology:
        with self._logs.acquire() as log:
            return self._snapshots.with_newest(lambda snapshot: self._from(snapshot, log, moment), moment.has)

    def _from(self, snapshot: Snapshot | None, log: Log, moment: Moment) -> Topology:
        topology = snapshot.topology() if snapshot is not None else Topology()
        after = snapshot.head if snapshot is not None else GENESIS
        for record in moment.upto(log.read(after), after.position):
            fold(topology, record)
            self._snapshots.save_if_due(topology)
        return topology
