"""Commit the parts of a delta in order, several under way at once where none depends on what another one leaves.

Only rows of single MACs are so: those that are inserted beside what is there, and those that are deleted. The database
runs transactions in the order in which they were sent. The one that moves the checkpoint is sent when all others have
succeeded: whatever ends this process or the connection, a checkpoint never says more than the rows.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from midonet.events.errors import Rejected, Unavailable
from midonet.projections.ovsdb import Answer, Client
from midonet.projections.port import Checkpoint, Fenced, Unfit
from midonet.projections.vtep.names import DATABASE
from midonet.projections.vtep.tenure import Tenure, robbed
from midonet.projections.vtep.transaction import Delta, Operation, Transaction
from midonet.projections.vtep.watch import Watch

__all__ = ["Session", "begin", "commit", "transact"]

_WINDOW = 4
"""Transactions under way: enough that the server never waits for the next one, few enough that others get a turn."""


class Session(NamedTuple):
    """One connection: what is known of the database, and whether it is for us to write."""

    client: Client
    watch: Watch
    tenure: Tenure


def commit(session: Session, parts: Iterable[Delta], checkpoint: Checkpoint | None) -> None:
    """Commit the parts of a delta; the checkpoint moves (None: is removed) with the last of them.

    Raises `Fenced`, `Unfit` and `Unavailable` as `Target.write`; some of the parts may have been committed then.
    """
    *early, last = parts
    session.tenure.begin()
    flight = _Flight(session)
    try:
        for part in early:
            flight.send(flight.plan(part))
        transaction = flight.plan(last)
        transaction.advance(checkpoint)
        flight.arrive()
        flight.send(transaction)
        flight.land()
    except BaseException:
        flight.end()
        raise


def begin(session: Session, delta: Delta, checkpoint: Checkpoint) -> Callable[[], None] | None:
    """Send a delta of one part with its checkpoint, and never wait; what it returns waits, and raises as `commit`.

    None if that cannot be sent without waiting for something else before.
    """
    if not session.tenure.held:
        return None
    flight = _Flight(session)
    transaction = flight.plan(delta)
    transaction.advance(checkpoint)
    flight.send(transaction)
    return flight.land


def transact(client: Client, operations: Sequence[Operation]) -> None:
    """Run operations as one transaction; raises as `commit`."""
    _succeed(client, client.begin(DATABASE, operations))


class _Flight:
    """Transactions that were sent, and that the watch does not expect yet."""

    def __init__(self, session: Session) -> None:
        self._client = session.client
        self._watch = session.watch
        self._proof = session.tenure.proof
        self._sent: deque[tuple[Transaction, Answer]] = deque()
        self._arrived: list[Transaction] = []
        self._effect: str | None = None

    def plan(self, delta: Delta) -> Transaction:
        """Return a transaction for the database as it will be then; wait for the others if that is not known yet."""
        if self._effect is None:
            self.land()
        transaction = self._watch.plan(delta)
        if transaction.effect != self._effect and self._sent:
            self.land()
            transaction = self._watch.plan(delta)
        self._effect = transaction.effect
        return transaction

    def send(self, transaction: Transaction) -> None:
        """Send a transaction, as soon as there are not too many of them."""
        if len(self._sent) == _WINDOW:
            self._next()
        self._sent.append((transaction, self._client.begin(DATABASE, [*self._proof, *transaction.operations])))

    def arrive(self) -> None:
        """Return when all of them have succeeded."""
        while self._sent:
            self._next()

    def land(self) -> None:
        """Do as `arrive`, and expect what they left."""
        self.arrive()
        if self._arrived:
            self._watch.settle(self._arrived)
            self._arrived = []

    def end(self) -> None:
        """Wait for the rest, whatever becomes of it: nothing shall change that nobody waits for any more."""
        for _, answer in self._sent:
            with suppress(Rejected, Unavailable):
                answer()

    def _next(self) -> None:
        transaction, answer = self._sent.popleft()
        try:
            _succeed(self._client, answer)
        except Unavailable as error:
            for uuid, key in transaction.removed.items():
                if uuid in error.message:  # "cannot delete Logical_Switch row … because of 1 remaining reference(s)"
                    raise Unfit(key, error.message) from None
            raise
        self._arrived.append(transaction)


def _succeed(client: Client, answer: Answer) -> None:
    try:
        answer()
    except Rejected as error:
        if error.details["error"] == "not owner":
            raise robbed(client) from None
        if error.details["error"] == "timed out":
            raise Fenced(f"another writer moved the checkpoint of VTEP {client.address}") from None
        raise Unavailable(error.message, **error.details) from None
