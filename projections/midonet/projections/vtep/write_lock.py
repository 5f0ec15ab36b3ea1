"""Tenure: of all that may write to a switch, the one that does, by a lock of its OVSDB server (RFC 7047 §4.1.8).

The checkpoint refuses a writer that was overtaken. It cannot refuse one that was frozen in the midst of a change of
many transactions while another one has begun the same change and not come to its end: for both, the checkpoint is still
where it was. So whoever begins to write takes the lock from whoever has it, and every transaction asserts that it is
still there; what the other one sends from then on changes nothing. Nobody waits for the lock, and it leaves no trace in
the database. A server that knows no locks is written to without: the checkpoint is all that there is then.
"""

from midonet.events.errors import Rejected
from midonet.projections.base import Fenced
from midonet.projections.ovsdb import Client
from midonet.projections.vtep.drift_watch import DriftWatch
from midonet.projections.vtep.transaction import Operation

_LOCK = "midonet"
_ASSERT: Operation = {"op": "assert", "lock": _LOCK}


class WriteLock:
    """What one connection knows of the lock."""

    def __init__(self, client: Client, watch: DriftWatch) -> None:
        self._client = client
        self._watch = watch
        self._acquired = False
        self._supported = True

    @property
    def held(self) -> bool:
        """Whether it may be written, for all that is known."""
        return self._acquired and (not self._supported or self._client.owns(_LOCK))

    @property
    def assertion(self) -> list[Operation]:
        """What every transaction begins with: the server refuses it if somebody else has the lock by then."""
        return [_ASSERT] if self._supported else []

    def acquire(self) -> None:
        """See to it that nobody else writes from now on.

        Raises `Fenced` if somebody has written since the database was read last: all of that is known then, and the
        next try goes on. It is one of the many transactions of another one's change for all that is known (`bulk`), and
        so is having been robbed of the lock: that one goes first.
        """
        if self.held:
            return
        if self._acquired:
            raise self.preempted()
        self._client.echo()
        if self._watch.checkpoint_moved():  # too late: no reason to take it from one that was faster
            raise self.overtaken()
        self._steal()
        if self._watch.drifted():
            raise self._preempted_error()

    def overtaken(self) -> Fenced:
        """Return what it means for a writer that another one was faster."""
        return Fenced(f"another writer moved the checkpoint of VTEP {self._client.address}")

    def preempted(self) -> Fenced:
        """Take note that somebody else has taken the lock, and return what that means for whoever was to write."""
        self._acquired = False
        return self._preempted_error()

    def refresh(self) -> None:
        """Take note that the database is about to be read again: whoever moved the checkpoint since was first."""
        if self._watch.checkpoint_moved():
            self._acquired = self.held

    def _steal(self) -> None:
        try:
            self._client.steal(_LOCK)
        except Rejected:
            self._supported = False
        self._acquired = True
        self._client.echo()  # whatever was committed before has been heard of then

    def _preempted_error(self) -> Fenced:
        """Return what it means for a writer that another one has begun to write."""
        fenced = Fenced(f"another writer is at work on VTEP {self._client.address}")
        fenced.bulk = True
        return fenced
