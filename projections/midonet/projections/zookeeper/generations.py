"""The generations of the view: build the next one, switch, roll back, prune.

Agents and daemons follow one pointer (contract §3). A small node beside it has the previous generation and the one that
is being built, so that an interrupted rebuild can be continued. The previous generation is not updated; a rollback
first updates it. Foreign nodes are never removed.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import msgspec
from kazoo.exceptions import KazooException, NodeExistsError, NoNodeError, NotEmptyError
from kazoo.handlers.threading import KazooTimeoutError
from msgspec import Struct

from midonet.events.commit import canonical
from midonet.events.errors import Conflict, NotFound
from midonet.projections.base import Checkpoint
from midonet.projections.nsdb.view import view_base
from midonet.projections.runtime.process_identity import ProcessIdentity, current_process, decode_identity
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.layout import DIRECTORIES, MODELS, decode_checkpoint, decode_generation, is_document

_CONNECT_SECONDS = 10.0
_REMOVALS = 250
_SESSION_SECONDS = 8.0
"""Seconds after which the session of a dead process has certainly expired."""

_PRUNE_SECONDS = 2.0
_POLL_SECONDS = 0.1


class BuildState(Struct):
    """The generations besides the live one."""

    previous: str | None = None
    """The previously live generation, to which a rollback switches."""
    building: str | None = None
    """The generation that is being built."""


class Generations:
    """The generations of the view below `root`; methods raise `Unavailable` if ZooKeeper cannot be reached."""

    def __init__(self, hosts: str, root: str) -> None:
        self._client = Client(hosts)
        self._root = root
        self._pointer = f"{root}/nsdb"
        self._folder = f"{root}/state/projections/nsdb"
        self._state_path = f"{self._folder}/generations"
        self._rebuild = f"{self._folder}/rebuild"

    def close(self) -> None:
        """Close the session."""
        self._client.close()

    @contextmanager
    def exclusive(self, who: str, on_wait: Callable[[str], object] | None = None) -> Iterator[None]:
        """Acquire the lock of the generations; `Conflict` names the owner.

        The lock of a process that is certainly dead is taken over at once. It is unknown whether a process on another
        machine is alive: with `on_wait`, which is called with its name, this waits until its session would have
        expired. It waits briefly for a live local process, such as a daemon that prunes.
        """
        mine, patient, now = canonical(current_process(who)), on_wait is not None, time.monotonic()
        brief, deadline = now + _PRUNE_SECONDS * patient, now + _SESSION_SECONDS * patient
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            while (other := self._try_acquire(mine)) is not None:
                if time.monotonic() >= (brief if other.local else deadline):
                    text = f"{other.who} has locked the generations of {self._pointer}"
                    raise Conflict(text, path=self._rebuild)
                if on_wait is not None and not other.local:
                    on_wait(other.who)
                    on_wait = None
                time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            with suppress(KazooException, KazooTimeoutError):  # the lock node ends with the session
                if self._lock_owner()[1]:
                    self._client.delete(self._rebuild)

    def _try_acquire(self, mine: bytes) -> ProcessIdentity | None:
        """Try to acquire the lock; return the owner if it is another process.

        Acquisition increments the version of the state node: of two processes that find the lock of a dead one, one
        succeeds.
        """
        while True:
            data, version = self._state_node()
            found = self._data(self._rebuild)
            other = decode_identity(found) if found is not None else None
            if other is not None and not other.gone:
                return other
            transaction = self._client.transaction()
            transaction.set_data(self._state_path, data, version)
            if other is not None:
                transaction.delete(self._rebuild)
            transaction.create(self._rebuild, mine, ephemeral=True)
            if not any(isinstance(each, KazooException) for each in transaction.commit()):
                return None

    def live(self) -> str:
        """Return the live generation; `NotFound` if there is none."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            generation = decode_generation(self._data(self._pointer) or b"")
        if generation is None:
            raise NotFound(f"no view is published at {self._pointer}", path=self._pointer)
        return generation

    def build_state(self) -> BuildState:
        """Return the state; an empty one if it is unreadable."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            return self._build_state()[0]

    def checkpoint(self, generation: str) -> Checkpoint:
        """Return the checkpoint of a generation, position 0 if there is none."""
        with self._client.failures():
            return decode_checkpoint(self._data(self._checkpoint(generation)) or b"")

    def read(self, generation: str, keys: Collection[str] | None) -> Mapping[str, bytes]:
        """Return all documents of a generation, or those of these keys that exist."""
        base = view_base(self._root, generation)
        with self._client.failures():
            wanted = self._documents(base) if keys is None else keys
            found = self._client.read_many([f"{base}/{key}" for key in wanted])
        return {path[len(base) + 1 :]: data for path, data in found.items()}

    def begin(self) -> tuple[str, bool]:
        """Return the generation to build, and whether an earlier run began it."""
        with self._client.failures():
            build_state, _ = self._build_state()
            if build_state.building is not None:
                return build_state.building, True
            names = [*self._client.child_names(self._pointer), self.live()]
            generation = str(max((int(name) for name in names if name.isdecimal()), default=0) + 1)
            build_state.building = generation
            self._save_state(build_state)
            return generation, False

    def switch(self, generation: str) -> bool:
        """Make a generation the live one if it is not behind; return whether it is live (otherwise retry).

        A reader of the pointer never sees an older position than before: the switch fails if the live generation moves.
        Raises `Conflict` if another process has taken over the lock or discarded this generation, which can happen
        while this process is suspended for longer than its session time-out.
        """
        with self._client.failures():
            live, (data, version) = self.live(), self._get(self._pointer)
            if live == generation:
                return True
            before, (build_state, state_version) = self._get(self._checkpoint(live)), self._build_state()
            self._check_ownership(generation, build_state)
            if decode_generation(data) != live:
                return False
            if self.checkpoint(generation).position < decode_checkpoint(before[0]).position:
                return False
            building = None if build_state.building == generation else build_state.building
            transaction = self._client.transaction()
            transaction.check(self._checkpoint(live), before[1])
            transaction.set_data(self._pointer, canonical({"generation": generation}), version)
            transaction.set_data(self._state_path, canonical(BuildState(live, building)), state_version)
            results = transaction.commit()
        return not any(isinstance(result, KazooException) for result in results)

    def _check_ownership(self, generation: str, build_state: BuildState) -> None:
        """Raise `Conflict` unless this process still owns the build; a takeover increments the version."""
        other, ours = self._lock_owner()
        if other is not None and not ours:
            raise Conflict(f"{other.who} has taken over the lock of the generations", path=self._rebuild)
        if generation not in (build_state.building, build_state.previous):
            raise Conflict(f"generation {generation} was discarded", path=self._state_path, generation=generation)

    def _lock_owner(self) -> tuple[ProcessIdentity | None, bool]:
        """Return the owner of the lock, or None, and whether it is this session."""
        try:
            data, stat = self._client.get(self._rebuild)
        except NoNodeError:
            return None, False
        session = self._client.client_id
        return decode_identity(data), session is not None and stat.ephemeralOwner == session[0]

    def discard(self, on_removed: Callable[[int], None] = lambda _: None) -> str | None:
        """Remove the unfinished generation; return its name, if there was one."""
        with self._client.failures():
            build_state, _ = self._build_state()
            building, build_state.building = build_state.building, None
            if building is not None and building != self.live():
                self._remove(building, on_removed)
            self._save_state(build_state)
            return building

    def prune(self, on_removed: Callable[[int], None] = lambda _: None) -> list[str]:
        """Remove all generations except the live, the previous and an unfinished one; return the removed ones.

        `NotFound` if there is no view.
        """
        with self._client.failures():
            names = self._client.child_names(self._pointer)
            build_state, _ = self._build_state()  # after the names, so that a generation begun since is not among them
            kept = {self.live(), build_state.previous, build_state.building}
            old = sorted((name for name in names if name.isdecimal() and name not in kept), key=int)
            for generation in old:
                self._remove(generation, on_removed)
            return old

    def _remove(self, generation: str, on_removed: Callable[[int], None]) -> None:
        base = view_base(self._root, generation)
        self._delete([f"{base}/checkpoint", f"{base}/format"])  # first: no rollback to a partial generation
        keys = self._documents(base)
        for start in range(0, len(keys), _REMOVALS):
            part = [f"{base}/{key}" for key in keys[start : start + _REMOVALS]]
            self._delete(part)
            on_removed(len(part))
        for folder in (*DIRECTORIES, MODELS, ""):
            self._delete([f"{base}/{folder}".rstrip("/")])

    def _delete(self, paths: Sequence[str]) -> None:
        """Remove nodes, in one transaction if possible; nodes with foreign children stay."""
        transaction = self._client.transaction()
        for path in paths:
            transaction.delete(path)
        results = transaction.commit()
        if any(isinstance(result, KazooException) for result in results):
            for path in paths:
                with suppress(NoNodeError, NotEmptyError):
                    self._client.delete(path)

    def _documents(self, base: str) -> list[str]:
        names = ((directory, self._client.child_names(f"{base}/{directory}")) for directory in DIRECTORIES)
        keys = (f"{directory}/{name}" for directory, found in names for name in found)
        return [key for key in keys if is_document(key)]

    def _checkpoint(self, generation: str) -> str:
        return f"{view_base(self._root, generation)}/checkpoint"

    def _build_state(self) -> tuple[BuildState, int]:
        """Return the state, with the version of the node, which is created if missing."""
        data, version = self._state_node()
        try:
            return msgspec.json.decode(data, type=BuildState), version
        except msgspec.DecodeError:
            return BuildState(), version

    def _state_node(self) -> tuple[bytes, int]:
        with suppress(NodeExistsError):
            self._client.create(self._state_path, canonical(BuildState()), makepath=True)
        return self._get(self._state_path)

    def _save_state(self, build_state: BuildState) -> None:
        self._client.set(self._state_path, canonical(build_state))

    def _get(self, path: str) -> tuple[bytes, int]:
        data, stat = self._client.get(path)
        return data, stat.version

    def _data(self, path: str) -> bytes | None:
        return self._client.read_many([path]).get(path)
