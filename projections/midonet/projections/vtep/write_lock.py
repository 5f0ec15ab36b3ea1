"""The write lock: decides which writer writes to a switch, by a lock of its OVSDB server (RFC 7047 §4.1.8).

The checkpoint refuses a preempted writer. It cannot refuse a writer that was suspended during a change of several
transactions while another one has begun the same change: for both, the checkpoint has not moved yet. So a writer steals
the lock before it writes, and every transaction asserts the lock; later transactions of the former owner fail. A writer
never waits for the lock, and the lock leaves no row in the database. A server without locks is written to without one:
then only the checkpoint protects it.
"""

from midonet.events.errors import Rejected
from midonet.projections.base import Fenced
from midonet.projections.ovsdb import Client
from midonet.projections.vtep.drift_watch import DriftWatch
from midonet.projections.vtep.transaction import Operation

_LOCK = "midonet"
_ASSERT: Operation = {"op": "assert", "lock": _LOCK}


class WriteLock:
    """The state of the lock on one connection."""

    def __init__(self, client: Client, watch: DriftWatch) -> None:
        self._client = client
        self._watch = watch
        self._acquired = False
        self._supported = True

    @property
    def held(self) -> bool:
        """Whether this writer may write, as far as known."""
        return self._acquired and (not self._supported or self._client.owns(_LOCK))

    @property
    def assertion(self) -> list[Operation]:
        """The first operation of every transaction: it fails if another client has the lock."""
        return [_ASSERT] if self._supported else []

    def acquire(self) -> None:
        """Acquire the lock, so that no other writer writes from now on.

        Raises `Fenced` if another writer has written since the last read; the state is current then, and the next
        attempt succeeds. If that write may be one of several transactions of a change (`bulk`), or the lock was
        preempted, the other writer has precedence.
        """
        if self.held:
            return
        if self._acquired:
            raise self.preempted()
        self._client.echo()
        if self._watch.checkpoint_moved():  # the other writer was faster; do not preempt it
            raise self.overtaken()
        self._steal()
        if self._watch.drifted():
            raise self._preempted_error()

    def overtaken(self) -> Fenced:
        """Return the error for a write of another writer."""
        return Fenced(f"another writer moved the checkpoint of VTEP {self._client.address}")

    def preempted(self) -> Fenced:
        """Record that another writer has stolen the lock; return the error for the writer."""
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
        self._client.echo()  # all earlier commits have been received then

    def _preempted_error(self) -> Fenced:
        """Return the error for another writer in the middle of a change."""
        fenced = Fenced(f"another writer is changing VTEP {self._client.address}")
        fenced.bulk = True
        return fenced
