"""Commit the parts of a delta in order, several under way at once where none depends on what another one leaves.

Only rows of single MACs are so: those that are inserted beside what is there, with locators that no other part brings
as well, and those that are deleted. The database runs transactions in the order in which they were sent. The one that
moves the checkpoint is sent when all others have succeeded: whatever ends this process or the connection, a checkpoint
never says more than the rows.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, NoReturn

from midonet.events.errors import Rejected, Unavailable
from midonet.projections.base import Checkpoint, Unwritable
from midonet.projections.ovsdb import Answer, Client
from midonet.projections.vtep.drift_watch import DriftWatch
from midonet.projections.vtep.keys import DATABASE
from midonet.projections.vtep.transaction import Delta, Operation, Transaction
from midonet.projections.vtep.write_lock import WriteLock

_WINDOW = 4
"""Transactions under way: enough that the server never waits for the next one, few enough that others get a turn."""


class Session(NamedTuple):
    """One connection: what is known of the database, and whether it is for us to write."""

    client: Client
    watch: DriftWatch
    lock: WriteLock


def commit(session: Session, parts: Iterable[Delta], checkpoint: Checkpoint | None) -> None:
    """Commit the parts of a delta; the checkpoint moves (None: is removed) with the last of them.

    Raises `Fenced`, `Unwritable` and `Unavailable` as `Target.write`; some of the parts may have been committed then.
    """
    session.lock.acquire()
    _Pipeline(session, parts, checkpoint).finish()


def begin(session: Session, parts: Iterable[Delta], checkpoint: Checkpoint) -> Callable[[], None] | None:
    """Send what of the parts needs no waiting; what it returns does the rest and waits, and raises as `commit`.

    None if nothing can be sent without waiting, as others have to be kept from writing before.
    """
    if not session.lock.held:
        return None
    pipeline = _Pipeline(session, parts, checkpoint)
    try:
        pipeline.start()
    except Exception as error:  # noqa: BLE001 - it is raised by the second step, which waits for the others
        return partial(pipeline.cancel, error)
    return pipeline.finish


def transact(session: Session, operations: Sequence[Operation]) -> None:
    """Run operations as one transaction; raises as `commit`."""
    _succeed(session, session.client.begin(DATABASE, operations))


class _Pipeline:
    """Transactions for the parts of a delta: those to come, those that were sent, and what the watch is to expect."""

    def __init__(self, session: Session, parts: Iterable[Delta], checkpoint: Checkpoint | None) -> None:
        self._session = session
        self._watch = session.watch
        self._assertion = session.lock.assertion
        self._parts = deque(parts)
        if len(self._parts) > 1:
            self._parts.append({})  # for the checkpoint: no row has to wait until all others are there
        self._checkpoint = checkpoint
        self._sent: deque[tuple[Transaction, Answer]] = deque()
        self._done: list[Transaction] = []

    def start(self) -> None:
        """Send the first parts: those that need no answer to another one, and not too many."""
        while self._parts and len(self._sent) < _WINDOW and self._send():
            pass

    def finish(self) -> None:
        """Send the rest, and return when all of them have succeeded."""
        try:
            while self._parts:
                if len(self._sent) == _WINDOW:
                    self._await_next()
                elif not self._send():
                    self._await_all()
            self._await_all()
        except BaseException as error:  # noqa: BLE001 - it is raised again
            self.cancel(error)

    def cancel(self, error: BaseException) -> NoReturn:
        """Wait for the transactions in flight, ignore their results, and raise the error."""
        for _, answer in self._sent:
            with suppress(Rejected, Unavailable):
                answer()
        raise error

    def _send(self) -> bool:
        """Send the next part, unless it is to be planned for what others leave that are under way."""
        if self._sent and self._sent[-1][0].effect is None:
            return False
        transaction = self._watch.plan(self._parts[0])
        if len(self._parts) == 1:
            transaction.advance(self._checkpoint)
        if not all(_independent(other, transaction) for other, _ in self._sent):
            return False
        self._sent.append(
            (transaction, self._session.client.begin(DATABASE, [*self._assertion, *transaction.operations]))
        )
        self._parts.popleft()
        return True

    def _await_all(self) -> None:
        """Wait for all that are under way, and expect what they left."""
        while self._sent:
            self._await_next()
        self._watch.confirm(self._done)
        self._done = []

    def _await_next(self) -> None:
        transaction, answer = self._sent.popleft()
        try:
            _succeed(self._session, answer)
        except Unavailable as error:
            for uuid, key in transaction.removed.items():
                if uuid in error.message:  # "cannot delete Logical_Switch row … because of 1 remaining reference(s)"
                    raise Unwritable(key, error.message) from None
            raise
        self._done.append(transaction)


def _independent(one: Transaction, other: Transaction) -> bool:
    return one.effect is not None and one.effect == other.effect and one.new_locators.isdisjoint(other.new_locators)


def _succeed(session: Session, answer: Answer) -> None:
    try:
        answer()
    except Rejected as error:
        if error.details["error"] == "not owner":
            raise session.lock.preempted() from None
        if error.details["error"] == "timed out":
            raise session.lock.overtaken() from None
        raise Unavailable(error.message, **error.details) from None
