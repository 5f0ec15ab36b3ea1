"""Reads a whole view in ZooKeeper, and waits for it."""

import time

from midonet.events.errors import TimedOut
from midonet.projections.base import Checkpoint
from midonet.projections.zookeeper.layout import DIRECTORIES, is_document
from midonet.projections.zookeeper.reader import ViewReader

_PAUSE = 0.01


class WholeViewReader(ViewReader):
    """The live view with its documents."""

    def wait(self, position: int, timeout: float) -> Checkpoint:
        """Return the checkpoint as soon as it is at `position` or beyond; `TimedOut` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (checkpoint := self.checkpoint()).position < position:
            if time.monotonic() >= deadline:
                message = f"the view is at {checkpoint.position}, not at {position}, after {timeout:g} s"
                raise TimedOut(message, position=checkpoint.position, wanted=position)
            time.sleep(_PAUSE)
        return checkpoint

    def documents(self) -> dict[str, bytes]:
        """Return all documents of the live generation: path → bytes."""
        base = self.base()
        with self._client.failures():
            names = [(folder, name) for folder in DIRECTORIES for name in self._client.child_names(f"{base}/{folder}")]
            keys = [f"{folder}/{name}" for folder, name in names if is_document(f"{folder}/{name}")]
            return self._client.read_many([f"{base}/{key}" for key in keys])
