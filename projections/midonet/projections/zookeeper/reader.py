"""Reads a view: its checkpoint, waiting for it, and all documents at once. Never writes."""

import threading
import time
from collections.abc import Callable
from typing import Any, Self

from kazoo.exceptions import NoNodeError

from midonet.events.errors import TimedOut
from midonet.projections.base import Checkpoint
from midonet.projections.nsdb.view import LIVE, view_base
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.layout import DIRECTORIES, decode_checkpoint, decode_generation, is_document

_CONNECT_SECONDS = 10.0
Watcher = Callable[[Any], None] | None


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
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            return self._base(None)

    def checkpoint(self) -> Checkpoint:
        """Return the commit up to which the view contains everything; position 0 if there is no view."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            return self._checkpoint(None)

    def wait(self, position: int, timeout: float) -> Checkpoint:
        """Return the checkpoint as soon as it is at `position` or beyond; `TimedOut` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        self._client.connect(timeout)
        while True:
            changed = threading.Event()
            with self._client.failures():
                checkpoint = self._checkpoint(lambda _, changed=changed: changed.set())  # type: ignore[misc]
            if checkpoint.position >= position:
                return checkpoint
            if not changed.wait(max(0.0, deadline - time.monotonic())):
                raise TimedOut(
                    f"the view is at {checkpoint.position}, not at {position}, after {timeout:g} s",
                    position=checkpoint.position,
                    wanted=position,
                )

    def documents(self) -> dict[str, bytes]:
        """Return all documents of the live generation: path → bytes."""
        base = self.base()
        with self._client.failures():
            keys = [
                f"{directory}/{name}"
                for directory in DIRECTORIES
                for name in self._client.child_names(f"{base}/{directory}")
            ]
            return self._client.read_many([f"{base}/{key}" for key in keys if is_document(key)])

    def _base(self, watcher: Watcher) -> str:
        return view_base(self._root, decode_generation(self._get(f"{self._root}/nsdb", watcher)) or LIVE)

    def _checkpoint(self, watcher: Watcher) -> Checkpoint:
        return decode_checkpoint(self._get(f"{self._base(watcher)}/checkpoint", watcher))

    def _get(self, path: str, watcher: Watcher) -> bytes:
        """Return a node's data, empty if there is none; `watcher` is called on the next change."""
        client = self._client
        try:
            data: bytes = client.get(path, watcher)[0]
        except NoNodeError:
            came = client.exists(path, watcher)
            return self._get(path, watcher) if came else b""
        return data
