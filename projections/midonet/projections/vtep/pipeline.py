"""Commits the parts of a delta in order; parts that do not depend on each other are in flight together.

Such parts have only rows of single MACs: inserted ones, with locators that no other part inserts, and deleted ones. The
database runs transactions in the order of sending. The transaction that moves the checkpoint is sent after all others
have succeeded, so the checkpoint is never ahead of the rows, even if the process or the connection fails.
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
"""Maximum number of transactions in flight: enough to keep the server busy, few enough to serve other clients."""


class Session(NamedTuple):
    """One connection: the state of the database, and the write lock."""

    client: Client
    watch: DriftWatch
    lock: WriteLock


def commit(session: Session, parts: Iterable[Delta], checkpoint: Checkpoint | None) -> None:
    """Commit the parts of a delta; the last one moves the checkpoint (None: removes it).

    Raises `Fenced`, `Unwritable` and `Unavailable` as `Target.write`; some parts may have been committed then.
    """
    session.lock.acquire()
    _Pipeline(session, parts, checkpoint).finish()


def begin(session: Session, parts: Iterable[Delta], checkpoint: Checkpoint) -> Callable[[], None] | None:
    """Send the parts that need no waiting; return a function that completes the delta, and raises as `commit`.

    None if nothing can be sent without waiting, because other writers must be preempted first.
    """
    if not session.lock.held:
        return None
    pipeline = _Pipeline(session, parts, checkpoint)
    try:
        pipeline.start()
    except Exception as error:  # noqa: BLE001 - raised by the second step, which waits for the others
        return partial(pipeline.cancel, error)
    return pipeline.finish


def transact(session: Session, operations: Sequence[Operation]) -> None:
    """Run operations as one transaction; raises as `commit`."""
    _succeed(session, session.client.begin(DATABASE, operations))


class _Pipeline:
    """The transactions of a delta: those to send, those in flight, and the expected result."""

    def __init__(self, session: Session, parts: Iterable[Delta], checkpoint: Checkpoint | None) -> None:
        self._session = session
        self._watch = session.watch
        self._assertion = session.lock.assertion
        self._parts = deque(parts)
        if len(self._parts) > 1:
            self._parts.append({})  # for the checkpoint: rows need not wait for the others
        self._checkpoint = checkpoint
        self._sent: deque[tuple[Transaction, Answer]] = deque()
        self._done: list[Transaction] = []

    def start(self) -> None:
        """Send the first parts, up to the maximum, that do not depend on an answer."""
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
        """Send the next part, unless its plan depends on the results of parts in flight."""
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
        """Wait for all parts in flight, and expect their result."""
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
