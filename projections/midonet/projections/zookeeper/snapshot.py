"""Read one generation of the view as a whole: its checkpoint, its format and its documents, in a few requests."""

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from kazoo.exceptions import KazooException, NoAuthError, NodeExistsError
from kazoo.protocol.serialization import Create, Delete

from midonet.events.commit import canonical
from midonet.projections.base import Checkpoint, Fenced, SideRepair
from midonet.projections.zookeeper.access_control import default_acl
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.layout import DIRECTORIES, MODELS, decode_checkpoint, is_document

CHECKPOINT = "checkpoint"
FORMAT_NODE = "format"

GUARDED = b"(its access control list was changed)"
"""The value of a document whose access control list another client changed: agents may be unable to read it."""


class Snapshot(NamedTuple):
    """The content of one generation."""

    checkpoint: Checkpoint
    version: int
    """Version of the checkpoint's node."""
    format: bytes | None
    documents: Mapping[str, bytes]
    guarded: set[str]
    """Keys of documents whose access control list was changed."""
    repairs: list[SideRepair]


def read_snapshot(client: Client, base: str) -> Snapshot:
    """Return the generation at `base`; a checkpoint whose access control list was changed is recreated.

    Raises `NoNodeError` if a node of `create_parents` is missing, `Fenced` if the checkpoint moved meanwhile.
    """
    checkpoint, version, repairs = _read_checkpoint(client, f"{base}/{CHECKPOINT}")
    format_path = f"{base}/{FORMAT_NODE}"
    form = client.read_many([format_path]).get(format_path)
    listings = [(directory, client.get_children_async(f"{base}/{directory}")) for directory in DIRECTORIES]
    keys = [f"{directory}/{name}" for directory, names in listings for name in names.get()]
    ours = {f"{base}/{key}": key for key in keys if is_document(key)}
    nodes = {ours[path]: node for path, node in client.read_nodes(list(ours))}
    guarded = {key for key, node in nodes.items() if node.guarded}
    found = {key: GUARDED if node.guarded else node.data for key, node in nodes.items()}
    documents = {key: data for key, data in found.items() if data is not None}
    return Snapshot(checkpoint, version, form, documents, guarded, repairs)


def _read_checkpoint(client: Client, path: str) -> tuple[Checkpoint, int, list[SideRepair]]:
    try:
        data, stat = client.get(path)
    except NoAuthError:
        data, version, guarded = b"", -1, True
    else:
        version, guarded = stat.version, stat.aversion > 0
    checkpoint = decode_checkpoint(data)
    if not guarded:
        return checkpoint, version, []
    _recreate_checkpoint(client, path, checkpoint, version)
    return checkpoint, 0, [SideRepair(CHECKPOINT, GUARDED, canonical(checkpoint))]


def _recreate_checkpoint(client: Client, path: str, checkpoint: Checkpoint, version: int) -> None:
    anew = Delete(path, version), Create(path, canonical(checkpoint), list(default_acl()), 0)
    if any(isinstance(result, KazooException) for result in client.transact(anew).get()):
        raise Fenced("another client changed the checkpoint")


def create_parents(client: Client, base: str) -> None:
    """Create the missing nodes around the documents, pipelined: the server handles requests in order."""
    client.ensure_path(f"{base}/{MODELS}")
    nodes = {**dict.fromkeys(DIRECTORIES, b""), CHECKPOINT: canonical(Checkpoint())}
    for created in [client.create_async(f"{base}/{key}", data) for key, data in nodes.items()]:
        with suppress(NodeExistsError):
            created.get()
