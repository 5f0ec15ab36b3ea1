"""The pointer to the live generation of a view (contract §3), and its repair.

A pointer to a generation with content is valid. One that was removed, is unreadable, or names an empty generation is
set to the generation that was live.
"""

from collections.abc import Callable
from contextlib import suppress

from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError

from midonet.events.commit import canonical
from midonet.projections.base import SideRepair
from midonet.projections.nsdb.view import LIVE, view_base
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.layout import decode_checkpoint, decode_generation


class LivePointer:
    """The node `<root>/nsdb`; its methods raise what kazoo raises. `repaired` is called with each repair."""

    def __init__(self, client: Client, root: str, repaired: Callable[[SideRepair], None]) -> None:
        self.path = f"{root}/nsdb"
        self._repaired = repaired
        self._client = client
        self._root = root

    def resolve(self, known: str | None) -> str | None:
        """Return the live generation, or None if the pointer was written: then read it again.

        `known` is the generation that was last read as live.
        """
        data, version = self._read()
        named = decode_generation(data) if data else None
        if named is not None and (known in (None, named) or self._holds_something(named)):
            return named
        live = known or LIVE
        self._put(live, data, version)
        if known is not None or data:
            found = data.decode("utf-8", "backslashreplace") if data is not None else None
            self._repaired(SideRepair("nsdb", found, _text(live)))
        return None

    def _read(self) -> tuple[bytes | None, int]:
        try:
            data, stat = self._client.get(self.path)
        except NoNodeError:
            return None, -1
        return data or b"", stat.version

    def _holds_something(self, generation: str) -> bool:
        try:
            data, _ = self._client.get(f"{view_base(self._root, generation)}/checkpoint")
        except NoNodeError:
            return False
        return decode_checkpoint(data).position > 0

    def _put(self, generation: str, data: bytes | None, version: int) -> None:
        """Write the pointer, unless another client wrote it meanwhile."""
        value = _text(generation).encode()
        if data is None:
            self._client.ensure_path(self._root)
            with suppress(NodeExistsError):
                self._client.create(self.path, value)
        else:
            with suppress(BadVersionError, NoNodeError):
                self._client.set(self.path, value, version)


def _text(generation: str) -> str:
    return canonical({"generation": generation}).decode()
