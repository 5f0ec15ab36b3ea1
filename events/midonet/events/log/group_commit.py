"""Group commit: many threads submit commands, and one thread executes all that are waiting together.

A durable commit costs an fsync, or a round trip to Kafka; commands that wait at the same time share it. Each command
stays a commit of its own, and its caller gets what `Store.execute` would have returned or raised.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import closing, suppress
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import NamedTuple, Self

from midonet.events.commands.command import Command
from midonet.events.errors import MidonetError, Unavailable
from midonet.events.log.fair_queue import FairQueue
from midonet.events.log.pending_command import Context, PendingCommand, Result
from midonet.events.log.store import Store

CAPACITY = 10_000
"""Commands that may wait at the same time: a few seconds of work at some thousand a second."""

_TURN = 500
"""Total cost of the commands that are taken from the queue together."""
_SERVICE_WEIGHT = 4
"""Weight of a service of the cluster in the queue; a user has 1."""

Outcome = Result | BaseException


class _Submission(NamedTuple):
    """A command and the future of its result."""

    pending: PendingCommand
    future: Future[Result]

    def start(self) -> bool:
        """Return whether the command is still wanted; from then on it cannot be cancelled."""
        return self.future.set_running_or_notify_cancel()

    def finish(self, outcome: Outcome) -> None:
        """Set the result, or the exception."""
        if isinstance(outcome, Result):
            self.future.set_result(outcome)
        else:
            self.future.set_exception(outcome)


class GroupCommitWriter:
    """One writer for many callers; use it in a `with` statement, or call `start` and in the end `stop`.

    `open_store` is called in the writer's own thread, to which the store and its log belong. After `idle` seconds
    without a command the writer reads what other writers appended, so that the next command has little left to read.
    """

    def __init__(self, open_store: Callable[[], Store], *, capacity: int = CAPACITY, idle: float | None = None) -> None:
        self._open_store = open_store
        self._capacity = capacity
        self._idle = idle
        self._opened: Future[None] = Future()
        self._changed = Condition(Lock())
        self._queue: FairQueue[_Submission] = FairQueue(capacity)
        self._running: deque[_Submission] = deque()
        self._ended: str | None = "has not been started"
        self._thread = Thread(target=self._main, name="group-commit", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether commands are accepted."""
        return self._ended is None

    def start(self) -> None:
        """Start, and return when the store is open; raises what opening it raises."""
        self._thread.start()
        self._opened.result()

    def stop(self) -> None:
        """Refuse new commands, and return when every accepted command has its result."""
        self._refuse_more("was stopped")
        if self._thread.ident is not None:
            self._thread.join()

    def submit(self, command: Command, context: Context, *, dry_run: bool = False) -> Future[Result]:
        """Queue a command; the future gets what `Store.execute` would return or raise.

        Callers take turns: each principal, or else each actor or service, has its share of the queue and of the
        writer's time. Raises `Unavailable` if the queue is full or the writer does not run: nothing was done. A future
        that is cancelled before its command starts is never executed. The future raises `OutcomeUnknown` if the writer
        fails while its command is executed.
        """
        submission = _Submission(PendingCommand(command, context, dry_run=dry_run), Future())
        owner, weight = _share(context)
        with self._changed:
            if self._ended is not None:
                raise _refused(self._ended)
            if not self._queue.put(owner, submission, cost=command.cost, weight=weight):
                raise Unavailable(f"{self._capacity:,} commands are waiting already; try again", waiting=self._capacity)
            self._changed.notify()
        return submission.future

    def execute(self, command: Command, context: Context, *, dry_run: bool = False) -> Result:
        """Submit a command and wait for its result; raises as `Store.execute` and `submit`."""
        return self.submit(command, context, dry_run=dry_run).result()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # In the writer's thread

    def _main(self) -> None:
        try:
            store = self._open_store()
        except BaseException as error:  # noqa: BLE001 - `start` raises it
            self._opened.set_exception(error)
            return
        self._ended = None
        self._opened.set_result(None)
        with closing(store.log):
            try:
                self._serve(store)
            except BaseException as fault:  # noqa: BLE001 - every waiting caller gets it
                self._fail(fault)

    def _serve(self, store: Store) -> None:
        while taken := self._take(store):
            self._running = deque(one for one in taken if one.start())
            for outcomes in store.batches([one.pending for one in self._running]):
                _finish([(self._running.popleft(), outcome) for outcome in outcomes])

    def _take(self, store: Store) -> list[_Submission]:
        """Wait for commands and return those whose turn it is; none once the writer is stopped."""
        while not self._wait():
            with suppress(MidonetError):  # the next command meets the same error and reports it
                store.refresh()
        with self._changed:
            return self._queue.take(_TURN)

    def _wait(self) -> bool:
        """Wait for commands or the end, at most until the writer is idle; return whether there is something to do."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: self._queue or self._ended, self._idle))

    def _take_all(self) -> list[_Submission]:
        with self._changed:
            return self._queue.clear()

    def _refuse_more(self, why: str) -> None:
        with self._changed:
            self._ended = self._ended or why
            self._changed.notify()

    def _fail(self, fault: BaseException) -> None:
        """Finish all submissions: a command that was started may be on the log, one that was queued is not."""
        reason = f"failed: {type(fault).__name__}: {fault}"
        self._refuse_more(reason)
        _finish([(one, _caused(one.pending.unknown_outcome(f"the writer {reason}"), fault)) for one in self._running])
        _finish([(one, _caused(_refused(reason), fault)) for one in self._take_all() if one.start()])


def _finish(outcomes: Iterable[tuple[_Submission, Outcome]]) -> None:
    for submission, outcome in outcomes:
        submission.finish(outcome)


def _share(context: Context) -> tuple[str, int]:
    """Return the owner of a command in the queue, and the owner's weight."""
    if context.principal is not None:
        return f"user {context.principal.name}", 1
    if context.channel.startswith("service:"):
        return context.channel, _SERVICE_WEIGHT
    return f"actor {context.actor}", 1


def _refused(why: str) -> Unavailable:
    return Unavailable(f"the writer {why}; nothing was done")


def _caused(error: MidonetError, cause: BaseException) -> MidonetError:
    error.__cause__ = cause
    return error
