"""State of a shell between commands: the open log with its topology, and the objects of the last list.

It only saves time: each command gives the same result as outside of a shell, on the present head of the log.
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress

from midonet.cli.output.progress import progress
from midonet.cli.session.log_reader import log_exists
from midonet.events.errors import MidonetError
from midonet.events.log import open_log
from midonet.events.log.snapshots import Snapshots
from midonet.events.log.store import Store


class ShellCache:
    """The state of one shell."""

    def __init__(self, *, numbered: bool) -> None:
        """`numbered`: entries of lists get the numbers `@1`, `@2` and so on, to refer to them."""
        self.numbered = numbered
        self.listed: Sequence[str] = ()
        """Ids of the objects that the last list showed."""
        self._url: str | None = None
        self._store: Store | None = None
        self._writable = False

    @property
    def position(self) -> int | None:
        """The position of the log when it was last read; None if it is not open."""
        return self._store.topology.head.position if self._store is not None else None

    def store(self, url: str, snapshots: Snapshots, *, write: bool, create: bool) -> Store | None:
        """Return the store of a log, at its head; None if there is no log and `write` is false.

        Without `write` the store may be open for reading only.
        """
        if not log_exists(url) and not write:
            self.drop()
            return None
        if self._store is None or url != self._url or (write and not self._writable):
            self.drop()
            self._store, self._url, self._writable = _opened(url, snapshots, write=write, create=create), url, write
        else:
            self._store.refresh()
        return self._store

    def drop(self) -> None:
        """Close the log, e.g. after an interruption, which may have left the topology inconsistent."""
        store, self._store = self._store, None
        if store is not None:
            with suppress(MidonetError):
                store.log.close()


def _opened(url: str, snapshots: Snapshots, *, write: bool, create: bool) -> Store:
    log = open_log(url, create=create, read_only=not write)
    with ExitStack() as stack:
        stack.callback(log.close)
        with progress("reading the log"):
            store = Store.open(log, snapshots)
        stack.pop_all()
    return store
