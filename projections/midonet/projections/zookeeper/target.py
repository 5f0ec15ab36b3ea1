"""ZooKeeper as the target of a view: one node per document, and the checkpoint as the guard of every transaction.

Every transaction checks the checkpoint's version: a writer is refused as soon as another one has moved it. Nodes that
are not named like documents are foreign and never changed; nothing is removed on close.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from kazoo.exceptions import (
    BadVersionError,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.protocol.serialization import CheckVersion, Create, Delete, SetData
from kazoo.protocol.states import EventType, KazooState, WatchedEvent

from midonet.events.commit import canonical
from midonet.events.errors import Unavailable
from midonet.projections.base import Checkpoint, Fenced, SideRepair, Unwritable
from midonet.projections.nsdb.view import FORMAT, LIVE, view_base
from midonet.projections.zookeeper.access_control import acl_for, default_acl
from midonet.projections.zookeeper.batches import Write, batches, in_order
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.kazoo_requests import Operation
from midonet.projections.zookeeper.layout import decode_checkpoint, is_document
from midonet.projections.zookeeper.live_pointer import LivePointer
from midonet.projections.zookeeper.snapshot import CHECKPOINT, FORMAT_NODE, create_parents, read_snapshot

_ANY_VERSION = -1
_CONNECT_SECONDS = 3.0


class ZooKeeperTarget:
    """One generation of the view below `root`, on the servers `hosts` (`HOST:PORT,…`): the live one unless given.

    Keys are paths below the generation. `session_timeout` (seconds) bounds the time in which a hanging server is
    detected. `on_written` is called with the number of values of a large change that were written.
    """

    def __init__(
        self,
        hosts: str,
        root: str = "/midonet",
        generation: str | None = None,
        *,
        session_timeout: float = 6.0,
        on_written: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._root = root
        self._client = Client(hosts, session_timeout)
        self._client.add_listener(self._connection_changed)
        self._side_repairs: list[SideRepair] = []
        self._pointer = LivePointer(self._client, root, self._side_repairs.append) if generation is None else None
        self._generation = generation
        self._base = view_base(root, self.generation)
        self._on_written = on_written
        self._wake: Callable[[], None] = lambda: None
        self._present: set[str] = set()
        self._guarded: set[str] = set()
        self._blocked: set[str] = set()
        self._checkpoint = Checkpoint()
        self._version = 0
        self._prefix = 0
        self._expected: dict[str, int] = {}
        self._format: bytes | None = None
        self._known = False
        """Whether the generation had the present format before: then any other format is drift."""
        self._renewed = False
        self._touched = False
        self._pointed = False

    @property
    def generation(self) -> str:
        """The generation as of the last `load`."""
        return self._generation or LIVE

    @property
    def base(self) -> str:
        """Path of the generation as of the last `load`."""
        return self._base

    @property
    def version(self) -> int:
        """Version of the checkpoint's node as of the last `load` or `write`."""
        return self._version

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` when another client changes the view, or when the connection changes."""
        self._wake = wake

    def drifted(self) -> bool:
        """Return whether another client changed the view since the last read, or may have while the watch was lost."""
        return self._touched or self._pointed

    def side_repairs(self) -> list[SideRepair]:
        """Return the repairs of the pointer and of permissions since the last call."""
        found, self._side_repairs[:] = list(self._side_repairs), []
        return found

    def renewed(self) -> bool:
        """Return whether the last `load` found another generation, or documents of another release."""
        found, self._renewed = self._renewed, False
        return found

    def close(self) -> None:
        """Close the session."""
        self._client.close()

    # -- reading

    def load(self) -> tuple[Checkpoint, Mapping[str, bytes]]:
        """Return the checkpoint and all documents; create missing nodes around them."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            self._find_live()
            try:
                return self._read()
            except NoNodeError:
                create_parents(self._client, self.base)
                return self._read()

    def peek(self) -> Checkpoint:
        """Return the checkpoint; position 0 if there is none."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            try:
                return decode_checkpoint(self._client.get(self._path(CHECKPOINT))[0])
            except NoNodeError:
                return Checkpoint()

    def _find_live(self) -> None:
        """Follow the pointer to the live generation, or repair it."""
        if self._pointer is None:
            return
        self._client.watch_node(self._pointer.path, self._pointer_changed)
        live = None
        while live is None:
            self._pointed = False
            live = self._pointer.resolve(self._generation)
        if live != self._generation:
            self._renewed, self._known = True, False
            self._client.tree_watchers.pop(self.base, None)
            self._generation = live
            self._base = view_base(self._root, live)

    def _read(self) -> tuple[Checkpoint, Mapping[str, bytes]]:
        self._expected = {}
        self._touched = False  # before the watch, and the watch before the first read: no change is missed
        self._prefix = len(self.base) + 1
        self._client.watch_tree(self.base, self._node_changed)
        found = read_snapshot(self._client, self.base)
        self._checkpoint, self._version, self._format = found.checkpoint, found.version, found.format
        self._present, self._guarded = set(found.documents), found.guarded
        self._side_repairs += found.repairs
        self._known |= self._format == FORMAT
        self._renewed |= not self._known
        self._blocked.clear()
        return found.checkpoint, found.documents

    # -- writing

    def write(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> None:
        """Write documents (None: remove) and the checkpoint, in one transaction unless they are too large for one.

        A large change begins with an increment of the checkpoint's version. This fences every other writer, also one
        that was suspended during a large change of its own.
        """
        *first, last = batches(in_order(delta))
        self._expect(delta)
        try:
            with self._client.failures():
                self._write_first(first)
            self._finish(last, checkpoint, self._commit(last, checkpoint))
        except Fenced as fenced:
            fenced.bulk = bool(first)
            raise

    def begin(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> Callable[[], None] | None:
        """As `write` in two steps, of which the first only sends; None if it needs several transactions."""
        only, *more = batches(in_order(delta))
        if more:
            return None
        self._expect(delta)
        return partial(self._finish, only, checkpoint, self._commit(only, checkpoint))

    def _expect(self, delta: Iterable[str]) -> None:
        self._expected = {key: 2 if key in self._guarded else 1 for key in (*delta, CHECKPOINT)}

    def _finish(self, batch: Sequence[Write], checkpoint: Checkpoint, answer: Any) -> None:
        """Wait for the answer to the transaction that moves the checkpoint."""
        with self._client.failures():
            results = answer.get()
            self._confirm(batch, results)
        self._version = results[-1]
        self._checkpoint = checkpoint
        self._expected = {}
        self._on_written(len(batch))

    def _write_first(self, first: Sequence[Sequence[Write]]) -> None:
        """Write the part of the change that does not fit into the transaction that moves the checkpoint."""
        if first:
            self._bump_checkpoint()
        for batch, results in self._client.pipelined((batch, self._commit(batch, None)) for batch in first):
            self._confirm(batch, results)
            self._on_written(len(batch))

    def _bump_checkpoint(self) -> None:
        """Write the checkpoint unchanged: this fences every writer that has not read it since."""
        self._expected[CHECKPOINT] += 1
        unchanged = SetData(self._path(CHECKPOINT), canonical(self._checkpoint), self._version)
        (result,) = self._client.transact([unchanged]).get()
        if isinstance(result, KazooException):
            raise self._refusal(CHECKPOINT, result)
        self._version = result

    def _commit(self, batch: Sequence[Write], checkpoint: Checkpoint | None) -> Any:
        """Send one transaction, which ends with the check or the change of the checkpoint."""
        operations = [operation for key, value in batch for operation in self._operations(key, value)]
        path = self._path(CHECKPOINT)
        if self._format != FORMAT and checkpoint is not None:
            operations.insert(0, self._format_operation())
        if checkpoint is None:
            operations.append(CheckVersion(path, self._version))
        else:
            operations.append(SetData(path, canonical(checkpoint), self._version))
        return self._client.transact(operations)

    def _format_operation(self) -> Operation:
        path = self._path(FORMAT_NODE)
        if self._format is None:
            return Create(path, FORMAT, list(default_acl()), 0)
        return SetData(path, FORMAT, _ANY_VERSION)

    def _operations(self, key: str, value: bytes | None) -> Iterator[Operation]:
        path = self._path(key)
        guarded = key in self._guarded
        if value is None or guarded:
            yield Delete(path, _ANY_VERSION)
        if value is not None:
            there = key in self._present and not guarded
            yield SetData(path, value, _ANY_VERSION) if there else Create(path, value, list(default_acl()), 0)

    def _confirm(self, batch: Sequence[Write], results: Sequence[Any]) -> None:
        """Record a successful transaction; raise the error of a refused one."""
        keys = [key for key, value in batch for _ in range(2 if key in self._guarded and value is not None else 1)]
        formats = [FORMAT_NODE] * (len(results) - len(keys) - 1)
        for key, result in zip([*formats, *keys, CHECKPOINT], results, strict=True):
            if isinstance(result, KazooException) and not isinstance(result, RolledBackError | RuntimeInconsistency):
                raise self._refusal(key, result)
        if formats:
            self._format, self._known = FORMAT, True
        self._guarded.difference_update(keys)
        self._present.update(key for key, value in batch if value is not None)
        self._present.difference_update(key for key, value in batch if value is None)

    def _refusal(self, key: str, error: Exception) -> Exception:
        """Return the error for a failed operation."""
        match error:
            case BadVersionError():
                return Fenced("another writer moved the checkpoint")
            case NoNodeError() | NodeExistsError():
                return Fenced(f"another client removed or created {key}")
            case NotEmptyError():
                self._blocked.add(key)
                return Unwritable(key, "it has foreign child nodes")
            case NoAuthError():
                return self._restore_access(key)
            case _:
                return error

    def _restore_access(self, key: str) -> Exception:
        """Restore an access control list that another client changed, if that is permitted."""
        folder = self._path(key.rpartition("/")[0] or key)
        try:
            self._client.set_acls(folder, list(acl_for(folder)))
        except NoAuthError:
            return Unavailable(f"no permission to write {self._path(key)}: its access control list was changed")
        return Fenced(f"another client changed the access control list around {key}")

    # -- changes of other clients

    def _node_changed(self, event: WatchedEvent) -> None:
        """Distinguish own changes from foreign ones: each own change arrives once, before its answer."""
        key = event.path[self._prefix :]
        if self._expected.get(key):
            self._expected[key] -= 1
        elif key == CHECKPOINT or is_document(key) or key.rpartition("/")[0] in self._blocked:
            self._touch()

    def _pointer_changed(self, event: WatchedEvent) -> None:
        if event.type != EventType.CHILD:
            self._pointed = True
            self._wake()

    def _connection_changed(self, state: str) -> None:
        if state != KazooState.CONNECTED:
            self._touch()

    def _touch(self) -> None:
        self._touched = True
        self._wake()

    def _path(self, key: str) -> str:
        return f"{self._base}/{key}"
