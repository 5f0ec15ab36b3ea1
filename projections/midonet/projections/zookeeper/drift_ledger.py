"""The drift ledger in ZooKeeper: one node per target with the newest drift records of all daemons.

It outlives every daemon. After a conflict the node is read and written again.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import quote

from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError

from midonet.projections.engine.drift import DriftRecord, decode_records, encode_records
from midonet.projections.zookeeper.client import Client

_CONNECT_SECONDS = 10.0
_ATTEMPTS = 20


class DriftLedger:
    """The records below `root`; methods raise `Unavailable` if ZooKeeper cannot be reached."""

    def __init__(self, hosts: str, root: str) -> None:
        self._client = Client(hosts)
        self._folder = f"{root}/state/projections"

    def close(self) -> None:
        """Close the session."""
        self._client.close()

    def add(self, projection: str, target: str, records: Sequence[DriftRecord]) -> None:
        """Add records to those of a target."""
        path = f"{self._folder}/{projection}/repairs/{quote(target, safe=':,')}"
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            for _ in range(_ATTEMPTS):
                with suppress(BadVersionError, NodeExistsError, NoNodeError):
                    self._write(path, records)
                    return

    def _write(self, path: str, records: Sequence[DriftRecord]) -> None:
        try:
            data, stat = self._client.get(path)
        except NoNodeError:
            self._client.create(path, encode_records(records), makepath=True)
        else:
            self._client.set(path, encode_records([*decode_records(data), *records]), stat.version)

    def read(self, projections: Sequence[str]) -> list[DriftRecord]:
        """Return the records of some projections, the oldest first."""
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            nodes = self._client.read_many([path for name in projections for path in self._paths(name)])
        found = [record for data in nodes.values() for record in decode_records(data)]
        return sorted(found, key=lambda record: record.time)

    def _paths(self, projection: str) -> Iterator[str]:
        folder = f"{self._folder}/{projection}/repairs"
        return (f"{folder}/{name}" for name in self._client.child_names(folder))
