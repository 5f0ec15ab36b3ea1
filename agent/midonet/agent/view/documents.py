"""Paths and documents of the ZooKeeper view as the agent reads it (contract §3); pointer and checkpoint: `layout`.

Pure: bytes in, values out. A document is either read as a whole or raises `Unreadable`. Fields that a newer release
added are ignored; the documents of a kind that it added are unreadable.
"""

from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.json import Decoder

from midonet.events.model import KINDS, Entity
from midonet.projections.facts import ActivePort, Fact, HostState, node_of
from midonet.projections.nsdb.view import view_base
from midonet.projections.zookeeper.layout import MODELS, Unreadable, decode

T = TypeVar("T")


class Node(NamedTuple):
    """The data of a path, None where there is no node, and the last transaction that may have changed it."""

    data: bytes | None
    zxid: int


class Index(Struct, frozen=True):
    """Absolute paths of the documents that a host needs, or of the parts of a long index."""

    documents: list[str]


class Document(Struct, Generic[T], frozen=True):
    """Objects of one kind, by id."""

    objects: dict[str, T]


class Paths:
    """Paths below a root such as `/midonet`."""

    def __init__(self, root: str) -> None:
        self.pointer = f"{root}/nsdb"
        self._root = root

    def checkpoint(self, generation: str) -> str:
        """Return the path of a generation's checkpoint."""
        return f"{view_base(self._root, generation)}/checkpoint"

    def index(self, generation: str, host: str) -> str:
        """Return the path of a host's index in a generation."""
        return f"{view_base(self._root, generation)}/hosts/{host}"

    def models(self, generation: str) -> str:
        """Return the path below which a generation has a folder of documents for each kind."""
        return f"{view_base(self._root, generation)}/{MODELS}"

    def host_state(self, host: str) -> str:
        """Return the path of the ephemeral node of a living host."""
        return self.state(HostState, host)

    def port_state(self, port: str) -> str:
        """Return the path of the ephemeral node of an active port."""
        return self.state(ActivePort, port)

    def state(self, fact: type[Fact], object_id: str) -> str:
        """Return the path of the ephemeral node of a fact."""
        return node_of(self._root, fact, object_id)


def read_index(raw: bytes | None, models: str, index: str | None = None) -> tuple[dict[str, str], set[str]]:
    """Return the kind of each document that an index names, by path, and the paths of the parts of `index`.

    A long index names its parts, `<index>-<n>`, and these name documents. `Unreadable` if a path is neither a part nor
    a document below `models`.
    """
    paths = decode(_index, raw).documents
    parts = {path for path in paths if index is not None and path.startswith(f"{index}-")}
    return {path: _kind(path, models) for path in paths if path not in parts}, parts


def read_objects(raw: bytes | None, kind: str) -> dict[str, Entity]:
    """Return the objects of a document of `kind` by id; `Unreadable` also if this release has no such kind."""
    if kind not in KINDS:
        raise Unreadable(f"this release does not support the kind {kind!r}")
    return decode(_document(kind), raw).objects


def _kind(path: str, models: str) -> str:
    above, _, name = path.rpartition("/")
    folder, _, kind = above.rpartition("/")
    if folder != models or not kind or not name:
        raise Unreadable(f"{path!r} is not the path of a document below {models}")
    return kind


_index = Decoder(Index)


@cache
def _document(kind: str) -> Decoder[Document[Entity]]:
    document: Any = Document
    return Decoder(document[KINDS[kind].cls])
