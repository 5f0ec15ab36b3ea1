"""The daemon's one writer to the log, opened at first use and reopened after a failure.

Commands of services and of API clients share one queue; commands that wait at the same time are committed as a group.
A decision of a service takes effect only as a command on the log, with the channel `service:<name>`.
"""

import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread

from midonet.events.commands.command import Command
from midonet.events.errors import MidonetError, NotFound, Rejected, Unavailable
from midonet.events.log import Log
from midonet.events.log.commit_clock import CommitClock
from midonet.events.log.group_commit import GroupCommitWriter
from midonet.events.log.pending_command import Context, Result
from midonet.events.log.store import Check, Store

_IDLE_SECONDS = 5.0
"""Seconds after which an idle writer reads the commits of other writers."""

_CLOCK = CommitClock()


def actor() -> str:
    """Return the actor of commands of this daemon."""
    return f"midonet-cluster@{socket.gethostname()}"


class Writer:
    """Runs commands on the log that `open_log` opens, with group commit. Any thread may call it.

    `check` is applied to the events of every command, whatever its channel (`Store.check`).
    """

    def __init__(self, open_log: Callable[[], Log], clock: CommitClock = _CLOCK, check: Check | None = None) -> None:
        self.check = check
        self._open_log = open_log
        self._clock = clock
        self._lock = Lock()
        self._writer: GroupCommitWriter | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start to open the log, so that the first command after a failover does not wait for it."""
        Thread(target=self._prepare, name="writer-open", daemon=True).start()

    def execute(self, command: Command, context: Context) -> Result:
        """Run a command and wait until it is durable. Raises as `Store.execute`; `Unavailable` without a log."""
        return self.submit(command, context).result()

    def submit(self, command: Command, context: Context, *, dry_run: bool = False) -> Future[Result]:
        """Return the future result of a command; the first call waits until the log is open.

        Raises as `GroupCommitWriter.submit`.
        """
        return self._submit(self._get_writer(), command, context, dry_run=dry_run)

    def submit_now(self, command: Command, context: Context, *, dry_run: bool = False) -> Future[Result] | None:
        """As `submit`, without waiting: None if the log is not open yet."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            writer = self._writer
        finally:
            self._lock.release()
        return self._submit(writer, command, context, dry_run=dry_run) if writer is not None else None

    def close(self) -> None:
        """Close the log as soon as no command is running; returns at once, also while the log is being opened."""
        self._closed = True
        Thread(target=self._close_writer, name="writer-close", daemon=True).start()

    def _prepare(self) -> None:
        with suppress(MidonetError):  # the first command tries again and reports the error
            self._get_writer()

    def _close_writer(self) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.stop()

    def _submit(
        self, writer: GroupCommitWriter, command: Command, context: Context, *, dry_run: bool
    ) -> Future[Result]:
        try:
            future = writer.submit(command, context, dry_run=dry_run)
        except Unavailable:
            if not writer.alive:
                self._discard(writer)
            raise
        future.add_done_callback(lambda done: self._check(writer, done))
        return future

    def _check(self, writer: GroupCommitWriter, done: Future[Result]) -> None:
        """Reopen the log for the next command if this one failed for another reason than a rejection."""
        error = done.exception() if not done.cancelled() else None
        if error is not None and not isinstance(error, (Rejected, NotFound)):
            self._discard(writer)

    def _get_writer(self) -> GroupCommitWriter:
        with self._lock:
            if self._closed:
                raise Unavailable("this node is shutting down; the command was not run")
            if self._writer is None:
                writer = GroupCommitWriter(self._open, idle=_IDLE_SECONDS)
                writer.start()
                self._writer = writer
            return self._writer

    def _open(self) -> Store:
        log = self._open_log()
        try:
            store = Store.open(log)
        except BaseException:
            log.close()
            raise
        store.clock = self._clock
        store.check = self.check
        return store

    def _discard(self, writer: GroupCommitWriter | None) -> None:
        with self._lock:
            if writer is None or writer is not self._writer:
                return
            self._writer = None
        Thread(
            target=writer.stop, name="writer-close", daemon=True
        ).start()  # a log that hangs must not block the caller
