"""ZooKeeper as the target of a view: one node per document, and the checkpoint as the guard of every transaction.

Every transaction checks the checkpoint's version: of two writers, one is refused as soon as the other has moved it.
Nodes that are not named like documents are foreign and never touched; nothing is removed on close.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kazoo.exceptions import (
    BadVersionError,
    KazooException,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.protocol.states import KazooState, WatchedEvent

from midonet.events.commit import canonical
from midonet.projections.nsdb.view import LIVE, view_base
from midonet.projections.port import Checkpoint, Fenced, Unfit
from midonet.projections.zookeeper.batches import Write, batches, in_order
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.layout import DIRECTORIES, decode_checkpoint, decode_generation, is_document

__all__ = ["ZooKeeperTarget"]

_CHECKPOINT = "checkpoint"
_CONNECT_SECONDS = 3.0


class ZooKeeperTarget:
    """One generation of the view below `root`, on the servers `hosts` (`HOST:PORT,…`).

    Keys are paths below the generation. `session_timeout` (seconds) bounds how long a server that hangs goes
    unnoticed.
    """

    def __init__(
        self, hosts: str, root: str = "/midonet", generation: str = LIVE, *, session_timeout: float = 6.0
    ) -> None:
        self._root = root
        self._generation = generation
        self._base = view_base(root, generation)
        self._client = Client(hosts, session_timeout)
        self._client.add_listener(self._connection_changed)
        self._wake: Callable[[], None] = lambda: None
        self._present: set[str] = set()
        self._version = 0
        self._expected: dict[str, int] = {}
        self._touched = False

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever somebody else touches the view, or the connection changes."""
        self._wake = wake

    def drifted(self) -> bool:
        """Return whether somebody else touched the view since it was read, or may have: the watch was lost."""
        return self._touched

    def close(self) -> None:
        """End the session."""
        self._client.close()

    # -- reading

    def load(self) -> tuple[Checkpoint, Mapping[str, bytes]]:
        """Return the checkpoint and all documents; makes the nodes around them where they are missing."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            try:
                return self._read()
            except NoNodeError:
                self._make_frame()
                return self._read()

    def _read(self) -> tuple[Checkpoint, Mapping[str, bytes]]:
        self._expected = {}
        self._touched = False  # before the watch, and that before the first read: nothing falls in between
        self._client.watch_tree(self._base, self._seen)
        client = self._client
        data, stat = client.result(client.get_async(self._path(_CHECKPOINT)))
        listings = [(directory, client.get_children_async(self._path(directory))) for directory in DIRECTORIES]
        keys = [f"{directory}/{name}" for directory, names in listings for name in client.result(names)]
        ours = {self._path(key): key for key in keys if is_document(key)}
        found = {ours[path]: value for path, value in client.read_many(list(ours)).items()}
        self._version, self._present = stat.version, set(found)
        return decode_checkpoint(data), found

    def _make_frame(self) -> None:
        client = self._client
        client.result(client.ensure_path_async(self._root))
        pointer, live = f"{self._root}/nsdb", canonical({"generation": self._generation})
        self._create(pointer, live)
        if decode_generation(client.result(client.get_async(pointer))[0]) is None:
            client.result(client.set_async(pointer, live))
        for directory in DIRECTORIES:
            client.result(client.ensure_path_async(self._path(directory)))
        self._create(self._path(_CHECKPOINT), canonical(Checkpoint()))

    def _create(self, path: str, data: bytes) -> None:
        with suppress(NodeExistsError):
            self._client.result(self._client.create_async(path, data))

    # -- writing

    def write(self, delta: Mapping[str, bytes | None], checkpoint: Checkpoint) -> None:
        """Write documents (None: remove) and the checkpoint, in one transaction unless they are too large for one."""
        *first, last = batches(in_order(delta))
        self._expected = dict.fromkeys([*delta, _CHECKPOINT], 1)
        with self._client.failures():
            for batch, results in self._client.pipelined((batch, self._commit(batch, None)) for batch in first):
                self._confirm(batch, results)
            results = self._client.result(self._commit(last, checkpoint))
            self._confirm(last, results)
            self._version = results[-1].version
        self._expected = {}

    def _commit(self, batch: Sequence[Write], checkpoint: Checkpoint | None) -> Any:
        """Send one transaction, which ends with the check of the checkpoint or with moving it."""
        transaction = self._client.transaction()
        for key, value in batch:
            if value is None:
                transaction.delete(self._path(key))
            elif key in self._present:
                transaction.set_data(self._path(key), value)
            else:
                transaction.create(self._path(key), value)
        if checkpoint is None:
            transaction.check(self._path(_CHECKPOINT), self._version)
        else:
            transaction.set_data(self._path(_CHECKPOINT), canonical(checkpoint), self._version)
        return transaction.commit_async()

    def _confirm(self, batch: Sequence[Write], results: Sequence[Any]) -> None:
        """Take note of a transaction that went through; raise what made the server refuse it."""
        keys = [*(key for key, _ in batch), _CHECKPOINT]
        for key, result in zip(keys, results, strict=True):
            if isinstance(result, KazooException) and not isinstance(result, RolledBackError | RuntimeInconsistency):
                raise _refusal(key, result)
        self._present.update(key for key, value in batch if value is not None)
        self._present.difference_update(key for key, value in batch if value is None)

    # -- what others do

    def _seen(self, event: WatchedEvent) -> None:
        """Tell our own changes from others': ours come before the answer, each exactly once."""
        key = event.path[len(self._base) + 1 :]
        if self._expected.get(key):
            self._expected[key] -= 1
        elif key == _CHECKPOINT or is_document(key):
            self._touch()

    def _connection_changed(self, state: str) -> None:
        if state != KazooState.CONNECTED:
            self._touch()

    def _touch(self) -> None:
        self._touched = True
        self._wake()

    def _path(self, key: str) -> str:
        return f"{self._base}/{key}"


def _refusal(key: str, error: Exception) -> Exception:
    """Return what an operation's failure means for the writer."""
    match error:
        case BadVersionError():
            return Fenced("another writer moved the checkpoint")
        case NoNodeError() | NodeExistsError():
            return Fenced(f"somebody else removed or made {key}")
        case NotEmptyError():
            return Unfit(key, "nodes that are not ours are below it")
        case _:
            return error
