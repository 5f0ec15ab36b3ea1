"""The documents of the ZooKeeper view (contract §3): where they are, and what is in them.

Pure: bytes in, values out. Reading a document never fails halfway: it is good as a whole, or it is `Unreadable`
as a whole. Fields that a newer release added are passed over; a kind that it added is unreadable here.
"""

from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from midonet.events.model import KINDS, Entity
from midonet.projections.facts import ActivePort, Fact, HostState, node_of

T = TypeVar("T")


class Node(NamedTuple):
    """What a path holds, and since when; `data` is None where there is no node."""

    data: bytes | None
    zxid: int
    """It has been so since this transaction at the latest."""
    owner: int = 0
    """Session of an ephemeral node."""
    version: int = 0


class Unreadable(Exception):
    """The document is absent or not what the contract says; the text says why."""


class Pointer(Struct, frozen=True):
    """Which generation of the view is live."""

    generation: str


class Checkpoint(Struct, frozen=True):
    """The generation contains exactly the commits up to `position`, the last of which has this hash."""

    position: int
    hash: str


class Index(Struct, frozen=True):
    """The documents that hold all that concerns one host, or parts of a long index, as absolute paths."""

    documents: list[str]


class Document(Struct, Generic[T], frozen=True):
    """Some objects of one kind."""

    objects: dict[str, T]


class Paths:
    """Where things are below a root such as `/midonet`."""

    def __init__(self, root: str) -> None:
        self.pointer = f"{root}/nsdb"
        self._root = root

    def checkpoint(self, generation: str) -> str:
        """Return the path of a generation's checkpoint."""
        return f"{self.pointer}/{generation}/checkpoint"

    def index(self, generation: str, host: str) -> str:
        """Return the path of a host's index in a generation."""
        return f"{self.pointer}/{generation}/hosts/{host}"

    def models(self, generation: str) -> str:
        """Return the path below which a generation keeps its documents, kind by kind."""
        return f"{self.pointer}/{generation}/models"

    def host_state(self, host: str) -> str:
        """Return the path of the ephemeral node of a living host."""
        return self.state(HostState, host)

    def port_state(self, port: str) -> str:
        """Return the path of the ephemeral node of an active port."""
        return self.state(ActivePort, port)

    def state(self, fact: type[Fact], object_id: str) -> str:
        """Return the path of the ephemeral node of a fact."""
        return node_of(self._root, fact, object_id)


def read_pointer(raw: bytes) -> str:
    """Return the name of the live generation; `Unreadable` if it names none."""
    generation = _decode(_pointer, raw).generation
    if not generation or "/" in generation:
        raise Unreadable(f"{generation!r} cannot be the name of a generation")
    return generation


def read_checkpoint(raw: bytes | None) -> Checkpoint:
    """Return a checkpoint; may raise `Unreadable`."""
    return _decode(_checkpoint, raw)


def read_index(raw: bytes | None, models: str, index: str | None = None) -> tuple[dict[str, str], set[str]]:
    """Return the documents that an index names, each with its kind, and the parts of `index` if it is that.

    A long index names parts of its own, `<index>-<n>`, which name documents. `Unreadable` if it names anything else
    than these or what is below `models`.
    """
    paths = _decode(_index, raw).documents
    parts = {path for path in paths if index is not None and path.startswith(f"{index}-")}
    return {path: _kind(path, models) for path in paths if path not in parts}, parts


def read_objects(raw: bytes | None, kind: str) -> dict[str, Entity]:
    """Return the objects of a document of `kind` by id; `Unreadable` as well where this release has no such kind."""
    if kind not in KINDS:
        raise Unreadable(f"this release knows no kind {kind!r}")
    return _decode(_document(kind), raw).objects


def _kind(path: str, models: str) -> str:
    above, _, name = path.rpartition("/")
    folder, _, kind = above.rpartition("/")
    if folder != models or not kind or not name:
        raise Unreadable(f"{path!r} is not the path of a document below {models}")
    return kind


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes | None) -> T:
    if raw is None:
        raise Unreadable("does not exist")
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from None


_pointer = msgspec.json.Decoder(Pointer)
_checkpoint = msgspec.json.Decoder(Checkpoint)
_index = msgspec.json.Decoder(Index)


@cache
def _document(kind: str) -> msgspec.json.Decoder[Document[Entity]]:
    document: Any = Document
    return msgspec.json.Decoder(document[KINDS[kind].cls])
