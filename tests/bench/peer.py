"""The peer: bridges and ports in the `eventsourcing` library, as its documentation writes applications.

SQLite in the library's own schema, with the durability of our log: write-ahead log, `synchronous=FULL`. An event
carries what ours carries: the object's fields, old and new values, who, why and the command's id.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import InfrastructureFactory, Notification
from eventsourcing.sqlite import SQLiteConnection, SQLiteConnectionPool, SQLiteFactory
from eventsourcing.utils import Environment

__all__ = ["Bridge", "Peer", "Port"]

_SECTION = 1_000
_DURABLE = ("wal", 2)
"""Journal mode, and `synchronous` as SQLite reports FULL."""


@dataclass
class Bridge(Aggregate):
    """A virtual switch."""

    name: str
    tunnel_key: int


@dataclass
class Port(Aggregate):
    """A port of a bridge; its first event has these fields."""

    bridge: str
    name: str
    tunnel_key: int
    actor: str
    reason: str
    command: str
    admin_state_up: bool = True
    host: str | None = None
    interface: str | None = None
    peer: str | None = None
    vlan: int | None = None
    inbound_filter: str | None = None
    outbound_filter: str | None = None
    mac: str | None = None
    addresses: tuple[str, ...] = ()

    class Changed(Aggregate.Event):
        """Fields with their old and new values."""

        changed: dict[str, list[Any]]
        actor: str
        reason: str
        command: str

        def apply(self, aggregate: "Port") -> None:
            """Take on the new values."""
            for field, (_, new) in self.changed.items():
                setattr(aggregate, field, new)

    def change(self, **fields: Any) -> None:
        """Give fields other values."""
        changed = {field: [getattr(self, field), new] for field, new in fields.items()}
        self.trigger_event(Port.Changed, changed=changed, **_audit()._asdict())


class _Audit(NamedTuple):
    actor: str
    reason: str
    command: str


def _audit() -> _Audit:
    return _Audit("bench@localhost", "bench", str(uuid4()))


class _DurablePool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous = FULL")
        found = tuple(_pragma(cursor, name) for name in ("journal_mode", "synchronous"))
        if found != _DURABLE:
            raise RuntimeError(f"the peer is not as durable as we are: {found}")
        return connection


def _pragma(cursor: Any, name: str) -> Any:
    cursor.execute(f"PRAGMA {name}")
    return cursor.fetchone()[0]


class Peer(Application[UUID]):
    """The application."""

    log_section_size = _SECTION

    def __init__(self, file: Path) -> None:
        super().__init__({"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(file)})

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """Return the library's own, with durable connections."""
        factory = super().construct_factory(env)
        assert isinstance(factory, SQLiteFactory)
        factory.datastore.pool = _DurablePool(db_name=factory.datastore.pool.db_name)
        return factory

    def create_bridge(self, name: str) -> UUID:
        """Save a new bridge; return its id."""
        bridge = Bridge(name, 0x100000)
        self.save(bridge)
        return bridge.id

    def create_ports(self, bridge_id: UUID, names: Sequence[str]) -> list[Port]:
        """Load the bridge, add ports to it and save them in one transaction: our `port.create`."""
        bridge: Bridge = self.repository.get(bridge_id)
        ports = [Port(str(bridge.id), name, bridge.tunnel_key + 1, *_audit()) for name in names]
        self.save(*ports)
        return ports

    def notifications(self) -> Iterator[Notification]:
        """Yield all stored events in order."""
        start = 1
        while section := self.notification_log.select(start, _SECTION):
            yield from section
            start = section[-1].id + 1

    def last_size(self) -> int:
        """Return how many bytes the latest event has."""
        (latest,) = self.notification_log.select(self.recorder.max_notification_id(), 1)
        return len(latest.state)

    def replay(self) -> dict[UUID, Aggregate]:
        """Read all events, decode them and fold them into aggregates."""
        found: dict[UUID, Any] = {}
        for notification in self.notifications():
            event: Any = self.mapper.to_domain_event(notification)
            found[event.originator_id] = event.mutate(found.get(event.originator_id))
        return found
