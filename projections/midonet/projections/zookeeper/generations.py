"""The generations of the view: building the next one beside the live one, switching, the way back, and clearing up.

Agents and daemons follow one pointer (contract §3). Beside it a small node remembers which generation was live before
and which one is being built, so that an interrupted rebuild can be continued. The generation before the live one stays
as it was left: whoever goes back to it brings it up to date first. Nodes that are not ours stay, whatever is removed.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

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
"""Seconds after which the session of a process that died is over, with some to spare."""

_CLEARING_SECONDS = 2.0
_LOOK_SECONDS = 0.1


class Noted(Struct):
    """What is remembered of the generations besides the live one."""

    previous: str | None = None
    """The one that was live before, and can be again."""
    building: str | None = None
    """The one that somebody began to build."""


class Generations:
    """The generations of the view below `root`; methods raise `Unavailable` when ZooKeeper cannot be reached."""

    def __init__(self, hosts: str, root: str) -> None:
        self._client = Client(hosts)
        self._root = root
        self._pointer = f"{root}/nsdb"
        self._folder = f"{root}/state/projections/nsdb"
        self._notes = f"{self._folder}/generations"
        self._rebuild = f"{self._folder}/rebuild"

    def close(self) -> None:
        """End the session."""
        self._client.close()

    @contextmanager
    def working(self, who: str, waits: Callable[[str], object] | None = None) -> Iterator[None]:
        """Be the only one who works on the generations; `Conflict` says who else does.

        The place of a process that certainly lives no more is taken at once. Of one on another machine nobody knows:
        with `waits`, which is told for whom, it is waited for until its session would have ended; and for a moment for
        one that lives, as a daemon that clears up needs no more.
        """
        mine, patient, now = canonical(current_process(who)), waits is not None, time.monotonic()
        brief, deadline = now + _CLEARING_SECONDS * patient, now + _SESSION_SECONDS * patient
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            while (other := self._occupy(mine)) is not None:
                if time.monotonic() >= (brief if other.local else deadline):
                    text = f"{other.who} is at work on the generations of {self._pointer}"
                    raise Conflict(text, path=self._rebuild)
                if waits is not None and not other.local:
                    waits(other.who)
                    waits = None
                time.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            with suppress(KazooException, KazooTimeoutError):  # the place goes with the session
                if self._place()[1]:
                    self._result(self._client.delete_async(self._rebuild))

    def _occupy(self, mine: bytes) -> ProcessIdentity | None:
        """Become the one who works; return who is it instead.

        Whoever does moves the version of the notes: of two that find the place of a dead one, one gets it.
        """
        while True:
            data, version = self._notes_node()
            found = self._data(self._rebuild)
            other = decode_identity(found) if found is not None else None
            if other is not None and not other.gone:
                return other
            transaction = self._client.transaction()
            transaction.set_data(self._notes, data, version)
            if other is not None:
                transaction.delete(self._rebuild)
            transaction.create(self._rebuild, mine, ephemeral=True)
            if not any(isinstance(each, KazooException) for each in self._result(transaction.commit_async())):
                return None

    def live(self) -> str:
        """Return the live generation; `NotFound` if there is none."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            generation = decode_generation(self._data(self._pointer) or b"")
        if generation is None:
            raise NotFound(f"no view is published at {self._pointer}", path=self._pointer)
        return generation

    def noted(self) -> Noted:
        """Return what is remembered; nothing where that cannot be read."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            return self._noted()[0]

    def checkpoint(self, generation: str) -> Checkpoint:
        """Return the checkpoint of a generation, position 0 if there is none."""
        with self._client.failures():
            return decode_checkpoint(self._data(self._checkpoint(generation)) or b"")

    def read(self, generation: str, keys: Collection[str] | None) -> Mapping[str, bytes]:
        """Return documents of a generation: all of them, or those of these keys that exist."""
        base = view_base(self._root, generation)
        with self._client.failures():
            wanted = self._documents(base) if keys is None else keys
            found = self._client.read_many([f"{base}/{key}" for key in wanted])
        return {path[len(base) + 1 :]: data for path, data in found.items()}

    def begin(self) -> tuple[str, bool]:
        """Return the generation to build, and whether somebody began it before."""
        with self._client.failures():
            noted, _ = self._noted()
            if noted.building is not None:
                return noted.building, True
            names = [*self._result(self._client.get_children_async(self._pointer)), self.live()]
            generation = str(max((int(name) for name in names if name.isdecimal()), default=0) + 1)
            noted.building = generation
            self._note(noted)
            return generation, False

    def switch(self, generation: str) -> bool:
        """Make a generation the live one, if it is not behind; return whether it is (else try again).

        Whoever follows the pointer never sees an older position than before: nothing happens if the live one moves.
        Raises `Conflict` if somebody else works on the generations by now, or did away with this one: whoever was
        frozen for longer than a session lasts may find that so.
        """
        with self._client.failures():
            live, (data, version) = self.live(), self._get(self._pointer)
            if live == generation:
                return True
            before, (noted, noted_version) = self._get(self._checkpoint(live)), self._noted()
            self._still_wanted(generation, noted)
            if decode_generation(data) != live:
                return False
            if self.checkpoint(generation).position < decode_checkpoint(before[0]).position:
                return False
            building = None if noted.building == generation else noted.building
            transaction = self._client.transaction()
            transaction.check(self._checkpoint(live), before[1])
            transaction.set_data(self._pointer, canonical({"generation": generation}), version)
            transaction.set_data(self._notes, canonical(Noted(live, building)), noted_version)
            results = self._result(transaction.commit_async())
        return not any(isinstance(result, KazooException) for result in results)

    def _still_wanted(self, generation: str, noted: Noted) -> None:
        """See to it that the notes are ours to move: whoever takes the work over moves their version."""
        other, ours = self._place()
        if other is not None and not ours:
            raise Conflict(f"{other.who} has taken over the work on the generations", path=self._rebuild)
        if generation not in (noted.building, noted.previous):
            raise Conflict(f"generation {generation} was given up meanwhile", path=self._notes, generation=generation)

    def _place(self) -> tuple[ProcessIdentity | None, bool]:
        """Return who works on the generations, if anybody does, and whether that is this session."""
        try:
            data, stat = self._result(self._client.get_async(self._rebuild))
        except NoNodeError:
            return None, False
        session = self._client.client_id
        return decode_identity(data), session is not None and stat.ephemeralOwner == session[0]

    def discard(self, tell: Callable[[int], None] = lambda _: None) -> str | None:
        """Remove the generation that somebody began to build; return which one that was."""
        with self._client.failures():
            noted, _ = self._noted()
            building, noted.building = noted.building, None
            if building is not None and building != self.live():
                self._remove(building, tell)
            self._note(noted)
            return building

    def prune(self, tell: Callable[[int], None] = lambda _: None) -> list[str]:
        """Remove all generations but the live one, the one before, and one that is being built; return which.

        `NotFound` where there is no view.
        """
        with self._client.failures():
            names = self._names()
            noted, _ = self._noted()  # after the names: one that was begun since is not among them
            kept = {self.live(), noted.previous, noted.building}
            old = sorted((name for name in names if name.isdecimal() and name not in kept), key=int)
            for generation in old:
                self._remove(generation, tell)
            return old

    def _names(self) -> list[str]:
        """Return what is below the pointer, where there is one."""
        try:
            return list(self._result(self._client.get_children_async(self._pointer)))
        except NoNodeError:
            return []

    def _remove(self, generation: str, tell: Callable[[int], None]) -> None:
        base = view_base(self._root, generation)
        self._delete([f"{base}/checkpoint", f"{base}/format"])  # first: nobody shall go back to what is half removed
        keys = self._documents(base)
        for start in range(0, len(keys), _REMOVALS):
            part = [f"{base}/{key}" for key in keys[start : start + _REMOVALS]]
            self._delete(part)
            tell(len(part))
        for folder in (*DIRECTORIES, MODELS, ""):
            self._delete([f"{base}/{folder}".rstrip("/")])

    def _delete(self, paths: Sequence[str]) -> None:
        """Remove nodes, in one transaction if nothing stands in the way; what holds nodes of others stays."""
        transaction = self._client.transaction()
        for path in paths:
            transaction.delete(path)
        results = self._result(transaction.commit_async())
        if any(isinstance(result, KazooException) for result in results):
            for path in paths:
                with suppress(NoNodeError, NotEmptyError):
                    self._result(self._client.delete_async(path))

    def _documents(self, base: str) -> list[str]:
        keys: list[str] = []
        for directory in DIRECTORIES:
            with suppress(NoNodeError):
                names = self._result(self._client.get_children_async(f"{base}/{directory}"))
                keys += (f"{directory}/{name}" for name in names)
        return [key for key in keys if is_document(key)]

    def _checkpoint(self, generation: str) -> str:
        return f"{view_base(self._root, generation)}/checkpoint"

    def _noted(self) -> tuple[Noted, int]:
        """Return what is remembered, with the version of the node, which is made if there is none."""
        data, version = self._notes_node()
        try:
            return msgspec.json.decode(data, type=Noted), version
        except msgspec.DecodeError:
            return Noted(), version

    def _notes_node(self) -> tuple[bytes, int]:
        with suppress(NodeExistsError):
            self._result(self._client.create_async(self._notes, canonical(Noted()), makepath=True))
        return self._get(self._notes)

    def _note(self, noted: Noted) -> None:
        self._result(self._client.set_async(self._notes, canonical(noted)))

    def _get(self, path: str) -> tuple[bytes, int]:
        data, stat = self._result(self._client.get_async(path))
        return data, stat.version

    def _data(self, path: str) -> bytes | None:
        return self._client.read_many([path]).get(path)

    def _result(self, future: Any) -> Any:
        return self._client.result(future)
