"""Snapshots: the state at some positions of a log, in a folder of the user's cache, so that reading starts there.

A snapshot is used only if this release declares and folds the model as the release that wrote it, if its digest fits,
and if the log still has that commit at that position. Any other is discarded and rebuilt. A folder that cannot be used
only costs time. There are no migrations.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from midonet.events.commit import Head, Record, canonical, sha256
from midonet.events.errors import Diverged, LostCommits
from midonet.events.log.base import Bookmark
from midonet.events.model import KINDS, FieldSpec
from midonet.events.system.objects import SYSTEM_KINDS, SystemObject
from midonet.events.system.tag import Tag
from midonet.events.topology.evolve import EVENT_VERSION, fold
from midonet.events.topology.topology import Topology

T = TypeVar("T")
OffsetHint = Callable[[int], int | None]
"""Returns where the backend of a log stores a commit, as `Log.offset_hint`."""

EVERY = 5_000
"""Commits between two snapshots; folding that many takes a fraction of the start-up time of a program."""
LIMIT = 1024 * 1024 * 1024
"""Bytes that the snapshots of one log may take; beyond, the distance between them is doubled."""
FOLD_VERSION = 1
"""Raise it when folding the same events gives another state than before."""

_MAX_HEADER = 4 * 1024 * 1024
_SUFFIX = ".snapshot"


def _no_hint(_: int) -> None:
    """Return None."""


class _Header(Struct, frozen=True, rename={"last_allocated": "cursors", "system": "notes", "offset_hint": "place"}):
    schema: str
    digest: str
    head: Head
    last_allocated: dict[str, int]
    system: dict[str, dict[str, Any]]
    """System objects by key."""
    parts: dict[str, int]
    """Kind → bytes of its objects; they follow in this order."""
    offset_hint: int | None = None
    """Where the backend stores the commit at the head."""


@cache
def fingerprint() -> str:
    """Return the digest of this release's model and fold."""
    declared = {name: [_declared(spec) for spec in kind.fields.values()] for name, kind in KINDS.items()}
    return sha256(canonical([FOLD_VERSION, EVENT_VERSION, msgspec.__version__, declared]))


def _declared(spec: FieldSpec) -> list[Any]:
    base = spec.base.__name__ if isinstance(spec.base, type) else str(spec.base)
    kind = spec.ref.kind if spec.ref is not None else spec.format.name if spec.format is not None else None
    return [spec.name, base, spec.many, str(spec.default), kind, [_declared(part) for part in spec.parts]]


def _system_object(key: str, data: dict[str, Any]) -> SystemObject:
    cls: Any = SYSTEM_KINDS[key.partition("/")[0]]
    note: SystemObject = msgspec.convert(data, cls)
    return note


class Unusable(Exception):
    """A snapshot file is corrupt."""


class Snapshot:
    """One snapshot of this release; its objects are read on demand."""

    def __init__(self, path: Path, header: _Header, start: int) -> None:
        self.head = header.head
        self._path = path
        self._header = header
        self._start = start

    @property
    def bookmark(self) -> Bookmark:
        """The commit in the log that it follows."""
        return Bookmark(self.head.position, self.head.hash, self._header.offset_hint)

    @property
    def tags(self) -> Mapping[str, Tag]:
        """The tags by name."""
        return {note.name: note for note in self.system.values() if isinstance(note, Tag)}

    @property
    def system(self) -> dict[str, SystemObject]:
        """The system objects by key; `Unusable` if they are corrupt."""
        try:
            return {key: _system_object(key, data) for key, data in self._header.system.items()}
        except (KeyError, msgspec.MsgspecError) as error:
            raise Unusable from error

    def topology(self) -> Topology:
        """Return the topology at this position; `Unusable` if the file is corrupt."""
        try:
            raw = self._path.read_bytes()[self._start :]
        except OSError as error:
            raise Unusable from error
        if sha256(raw) != self._header.digest:
            raise Unusable
        try:
            return self._decoded(memoryview(raw))
        except (KeyError, msgspec.MsgspecError) as error:
            raise Unusable from error

    def _decoded(self, body: memoryview) -> Topology:
        topology, offset = Topology(), 0
        for kind, size in self._header.parts.items():
            objects: Any = list[KINDS[kind].cls]  # type: ignore[misc]  # a type known at run time only
            topology.fill(kind, msgspec.msgpack.decode(body[offset : offset + size], type=objects))
            offset += size
        topology.head, topology.system = self.head, self.system
        topology.last_allocated = dict(self._header.last_allocated)
        return topology

    def discard(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self._path.unlink()


class Snapshots:
    """The snapshots of one log; none without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def usable(self, wanted: Callable[[Head], bool]) -> Iterator[Snapshot]:
        """Yield snapshots at wanted positions, newest first; whether the log has their commits is not checked."""
        for path in self._paths():
            snapshot = self._open(path)
            if snapshot is not None and wanted(snapshot.head):
                yield snapshot

    def with_newest(self, work: Callable[[Snapshot | None], T], wanted: Callable[[Head], bool] = lambda _: True) -> T:
        """Return the result of `work` for the newest snapshot at a wanted position, or for None if there is none.

        A snapshot for which it raises `Diverged` or `LostCommits` is not of this log; it is discarded, as is a corrupt
        one.
        """
        for snapshot in self.usable(wanted):
            try:
                return work(snapshot)
            except (Unusable, Diverged, LostCommits):
                snapshot.discard()
        return work(None)

    def fold(self, topology: Topology, records: Iterable[Record], offset_hint: OffsetHint = _no_hint) -> Topology:
        """Fold records and save snapshots at the due positions; `offset_hint` is the log's."""
        for record in records:
            fold(topology, record)
            self.save_if_due(topology, offset_hint)
        return topology

    def save_if_due(self, topology: Topology, offset_hint: OffsetHint = _no_hint) -> None:
        """Save a snapshot if one is due at this position."""
        if self._folder is not None and topology.head.position % EVERY == 0:
            with suppress(OSError):
                self._save(topology, self._folder, offset_hint(topology.head.position))

    def _paths(self) -> list[Path]:
        try:
            paths = list(self._folder.iterdir()) if self._folder is not None else []
        except OSError:
            return []
        found = [path for path in paths if path.suffix == _SUFFIX and path.stem.isdecimal()]
        return sorted(found, key=lambda path: int(path.stem), reverse=True)

    def _open(self, path: Path) -> Snapshot | None:
        """Return a snapshot of this release; remove any other."""
        try:
            with path.open("rb") as file:
                header = msgspec.json.decode(file.readline(_MAX_HEADER), type=_Header)
                start = file.tell()
        except OSError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            header = None
        if header is not None and header.schema == fingerprint() and path.stem == str(header.head.position):
            return Snapshot(path, header, start)
        with suppress(OSError):
            path.unlink()
        return None

    def _save(self, topology: Topology, folder: Path, offset_hint: int | None) -> None:
        path = folder / f"{topology.head.position}{_SUFFIX}"
        if path.exists() or self._too_close(topology.head.position):
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        parts = {
            kind: msgspec.msgpack.encode(list(topology.all(kind).values())) for kind in KINDS if topology.all(kind)
        }
        body = b"".join(parts.values())
        sizes = {kind: len(raw) for kind, raw in parts.items()}
        system = {key: msgspec.to_builtins(note) for key, note in topology.system.items()}
        header = _Header(
            fingerprint(), sha256(body), topology.head, topology.last_allocated, system, sizes, offset_hint
        )
        _write(path, msgspec.json.encode(header) + b"\n" + body)
        self._thin_out()

    def _too_close(self, position: int) -> bool:
        """Return whether a snapshot before the newest would be deleted at once for lack of room."""
        sizes = {int(path.stem): _size(path) for path in self._paths()}
        newest, largest = max(sizes, default=0), max(sizes.values(), default=0)
        stride = EVERY
        while newest // stride * largest > LIMIT:
            stride *= 2
        return position < newest and position % stride != 0

    def _thin_out(self) -> None:
        """Keep the newest; of the others, if they exceed the limit, those furthest apart."""
        newest, *others = self._paths()
        sizes = {path: _size(path) for path in (newest, *others)}
        stride = EVERY
        while others and sum(sizes[path] for path in (newest, *others)) > LIMIT:
            stride *= 2
            for path in others:
                if int(path.stem) % stride:
                    path.unlink(missing_ok=True)
            others = [path for path in others if not int(path.stem) % stride]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write(path: Path, raw: bytes) -> None:
    """Write a file under a temporary name and rename it; after a power failure its digest may not fit."""
    with NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(raw)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
