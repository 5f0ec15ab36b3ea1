"""The write lock: which of several writers writes to a switch, by a lock of its OVSDB server (RFC 7047 §4.1.8).

The checkpoint refuses a writer that was overtaken. It cannot refuse one that was frozen in the midst of a change of
many transactions while another one has begun the same change and not come to its end: for both, the checkpoint is still
where it was. So a writer takes the lock from its owner before it writes, and every transaction asserts that it is
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
        """The first operation of every transaction: it fails if another client has the lock."""
        return [_ASSERT] if self._supported else []

    def acquire(self) -> None:
        """Take the lock, so that no other writer writes from now on.

        Raises `Fenced` if another writer has written since the last read: all of that is known then, and the
        next try goes on. It is one of the many transactions of another one's change for all that is known (`bulk`), and
        so is a preemption of the lock: that writer goes first.
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
        """Record that another writer has taken the lock; return the error for the writer."""
        self._acquired = False
        return self._preempted_error()

    def refresh(self) -> None:
        """Release the lock if it was lost, before the database is read again."""
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
