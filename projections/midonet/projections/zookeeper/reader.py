"""Reads the checkpoint of a view. Never writes."""

from typing import Self

from kazoo.exceptions import NoNodeError

from midonet.projections.base import Checkpoint
from midonet.projections.nsdb.view import LIVE, view_base
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.layout import decode_checkpoint, decode_generation

_CONNECT_SECONDS = 10.0


class Reader:
    """A session on the servers `hosts` that reads below `root`; for use in a `with` statement."""

    def __init__(self, hosts: str, root: str = "/midonet") -> None:
        self._root = root
        self._client = Client(hosts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the session."""
        self._client.close()


class ViewReader(Reader):
    """The live view. Every method raises `Unavailable` if the servers cannot be reached."""

    def base(self) -> str:
        """Return the path of the live generation."""
        return view_base(self._root, decode_generation(self._data(f"{self._root}/nsdb")) or LIVE)

    def checkpoint(self) -> Checkpoint:
        """Return the commit up to which the view contains everything; position 0 if there is no view."""
        return decode_checkpoint(self._data(f"{self.base()}/checkpoint"))

    def _data(self, path: str) -> bytes:
        """Return the data of a node; empty if it does not exist."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            try:
                return bytes(self._client.get(path)[0])
            except NoNodeError:
                return b""
