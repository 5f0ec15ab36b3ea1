"""The database of one VTEP as a target: own rows and the checkpoint change in one OVSDB transaction (contract §4).

The checkpoint in `Global.other_config` is compared and set, so a preempted writer changes nothing. Foreign rows are
never changed, and closing never removes a row.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Literal

from msgspec import Struct

from midonet.events.errors import Misconfigured, Rejected, Unavailable
from midonet.events.timestamps import utc_now
from midonet.projections.base import Checkpoint, Unwritable
from midonet.projections.ovsdb import CALL_SECONDS, PROBE_SECONDS, Client, check_schema, decode_map
from midonet.projections.vtep.database_state import COLUMNS, OPTIONAL, DatabaseState, parse_checkpoint
from midonet.projections.vtep.drift_watch import DriftWatch
from midonet.projections.vtep.keys import DATABASE, Key, Value
from midonet.projections.vtep.learned_macs import CurrentRow, SwitchUpdate
from midonet.projections.vtep.pipeline import Session, begin, commit, transact
from midonet.projections.vtep.switch_report import SwitchReport
from midonet.projections.vtep.transaction import BATCH_ROWS, Delta, batches
from midonet.projections.vtep.write_lock import WriteLock

_REQUIRED: Mapping[str, Sequence[str]] = {
    **COLUMNS,
    "Physical_Locator": (*COLUMNS["Physical_Locator"], "encapsulation_type"),
    "Mcast_Macs_Local": ("logical_switch",),
}


_WAITING = {
    "replication": "the switch does not support replication modes",
    "binding": "the switch has no physical port {} (yet)",
    "bfd": "the switch has no tunnel to {} for BFD: there is none, or another client configured BFD on it",
}

ConnectionStatus = Literal["connecting", "connected", "unreachable", "not-a-vtep"]
"""`unreachable` and `not-a-vtep` (a server without the database `hardware_vtep`) are retried without limit."""


class Connection(Struct, frozen=True):
    """The state of a connection, the time of the last change (RFC 3339), and the last error."""

    state: ConnectionStatus
    since: str
    last_error: str | None


class ConnectionState:
    """Tracks the state of a connection; `since` moves only when the state changes."""

    def __init__(self, now: Callable[[], str] = utc_now) -> None:
        self._now = now
        self.connection = Connection("connecting", now(), None)

    def transition(self, state: ConnectionStatus, error: str | None = None) -> None:
        """Record the state and the error, if any; without a new one the last error is kept."""
        old = self.connection
        since = old.since if old.state == state else self._now()
        self.connection = Connection(state, since, error or old.last_error)


class VtepTarget:
    """The VTEP with an OVSDB server at this management address.

    A checkpoint at position 0 means that the content is unknown: all of it must be compared, as after a reset of the
    switch. A dead connection is detected after at most twice `probe` seconds of silence.
    """

    def __init__(self, host: str, port: int, *, probe: float = PROBE_SECONDS, batch: int = BATCH_ROWS) -> None:
        self._host = host
        self._port = port
        self._probe = probe
        self._batch = batch
        self._wake: Callable[[], None] = lambda: None
        self._on_update: Callable[[SwitchUpdate | None], None] = lambda _: None
        self._tick: Callable[[], int] = lambda: 0
        self._session: Session | None = None
        self._state = ConnectionState()
        self.unwritable: set[Key] = set()
        """Keys for which `Unwritable` was raised: they are retried when the foreign row may be gone."""

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` on drift, when a port appears that a binding waits for, and when the connection is lost."""
        self._wake = wake

    def on_report(self, on_update: Callable[[SwitchUpdate | None], None], tick: Callable[[], int]) -> None:
        """Call `on_update` with every report of the switch, and with None when it cannot be read.

        It may be called by any thread and must not block. `tick` is the clock of `CurrentRow.order`.
        """
        self._on_update = on_update
        self._tick = tick

    def load(self) -> tuple[Checkpoint, Mapping[Key, Value]]:
        """Connect if needed; return the checkpoint and all own values.

        A database without a checkpoint gets one at position 0. Raises `Misconfigured` if the server has no
        `hardware_vtep` database with the required columns.
        """
        if self._session is not None and self._session.client.alive:
            self._session.client.echo()
        else:
            self.close()
            self._session = self._connect()
        _, watch, lock = self._session
        operations = watch.create_checkpoint()
        if operations:
            transact(self._session, operations)
        lock.refresh()
        return watch.load()

    def peek(self) -> Checkpoint:
        """Return the last reported checkpoint, position 0 if there is none; it may lack details."""
        if self._session is None:
            return read_checkpoint(self._host, self._port)
        return self._session.watch.checkpoint() or Checkpoint()

    def write(self, delta: Mapping[Key, Value | None], checkpoint: Checkpoint) -> None:
        """Write values (None: remove) and the checkpoint; a large delta in several transactions, checkpoint last.

        Bindings to a missing physical port are omitted and `waiting`. Raises `Unwritable` for a logical switch that
        cannot be deleted because a foreign row refers to it.
        """
        self._commit(delta, checkpoint)

    def begin(self, delta: Mapping[Key, Value | None], checkpoint: Checkpoint) -> Callable[[], None] | None:
        """As `write` in two steps: the first one sends all transactions that do not depend on an answer.

        None for the first write of a connection, before which other writers must be preempted.
        """
        answer = begin(self._connected(), batches(delta, self._batch), checkpoint)
        return partial(self._finish, answer) if answer is not None else None

    def clear(self) -> None:
        """Remove all own rows and the checkpoint, because the VTEP was deleted."""
        _, rows = self.load()
        self._commit(dict.fromkeys(rows), None)

    def drifted(self) -> bool:
        """Return whether `load` would find a difference from the last load or write, or the connection is lost."""
        return self._session is None or not self._session.client.alive or self._session.watch.drifted()

    def drift(self) -> dict[Key, tuple[Value | None, Value | None]]:
        """Return the differences from the last load or write: key → (expected, found)."""
        return self._session.watch.drift() if self._session is not None else {}

    def waiting(self) -> dict[Key, str]:
        """Return the bindings and tunnels that could not be written yet, with the reasons."""
        session = self._session  # other threads may call this while the session is replaced
        keys = session.watch.waiting() if session is not None else ()
        return {key: _WAITING[key[0]].format(key[1]) for key in keys}

    def unblocked(self) -> set[Key]:
        """Return the values that wait no longer, as of the last `load`: they are writable, or another writer's."""
        session = self._session
        return session.watch.unblocked() if session is not None else set()

    def accepts(self, key: Key, value: Value) -> bool:
        """Return whether the switch has what a value requires; if not, the target wakes its caller when it has."""
        session = self._session
        return session is None or session.watch.accepts(key, value)

    def foreign_value(self, key: Key) -> Value | None:
        """Return the foreign value in the place of a key: the switch to which another client bound a VLAN."""
        session = self._session
        return session.watch.foreign_value(key) if session is not None else None

    def current(self, key: Key) -> CurrentRow | None:
        """Return the last known value of a key, if any."""
        session = self._session
        return session.watch.current(key) if session is not None else None

    def unicast_keys(self) -> list[Key]:
        """Return the keys of all stations in the switch, as last known."""
        session = self._session
        return session.watch.unicast_keys() if session is not None else []

    @property
    def connection(self) -> Connection:
        """The state of the connection."""
        return self._state.connection

    def report(self) -> SwitchReport | None:
        """Return the report of the switch, if it is connected."""
        session = self._session
        return session.watch.report() if session is not None and session.client.alive else None

    def close(self) -> None:
        """Close the connection; every row remains."""
        if self._session is not None:
            self._session.client.close()
            self._session = None

    def _connect(self) -> Session:
        try:
            session = self._open_session()
        except Misconfigured as error:
            self._state.transition("not-a-vtep", error.message)
            raise
        except Unavailable as error:
            self._state.transition("unreachable", error.message)
            raise
        self._state.transition("connected")
        return session

    def _open_session(self) -> Session:
        client = Client((self._host, self._port), probe=self._probe, on_lost=self._connection_lost)
        try:
            columns = check_schema(client, DATABASE, _REQUIRED, OPTIONAL)
            watch = DriftWatch(DatabaseState(self._host, columns), self._changed, self._on_update, self._tick)
            client.monitor(DATABASE, _monitored(columns), watch.update)
        except BaseException:
            client.close()
            raise
        return Session(client, watch, WriteLock(client, watch))

    def _connection_lost(self, reason: str) -> None:
        self._state.transition("unreachable", reason)
        self._on_update(None)
        self._wake()

    def _changed(self) -> None:
        self._wake()

    def _connected(self) -> Session:
        if self._session is None:
            raise Unavailable(f"VTEP {self._host}:{self._port} is not connected; load it first")
        return self._session

    def _commit(self, delta: Delta, checkpoint: Checkpoint | None) -> None:
        self._finish(lambda: commit(self._connected(), batches(delta, self._batch), checkpoint))

    def _finish(self, work: Callable[[], None]) -> None:
        """Run a function that commits a delta, or waits for the commit."""
        try:
            work()
        except Unwritable as error:
            self.unwritable.add(error.key)
            raise


def read_checkpoint(host: str, port: int, *, timeout: float = CALL_SECONDS) -> Checkpoint:
    """Return the checkpoint in a VTEP's database (position 0: none) without any change; raises as `read_rows`.

    A server that accepts the connection has `timeout` seconds to answer.
    """
    select = {"op": "select", "table": "Global", "where": [], "columns": ["other_config"]}
    with _reading(host, port, timeout) as client:
        (result,) = client.transact(DATABASE, [select])
    config = next((decode_map(row["other_config"]) for row in result["rows"]), {})
    return parse_checkpoint(config) or Checkpoint()


def read_rows(host: str, port: int) -> dict[Key, Value]:
    """Return all own rows in a VTEP's database, as keys and values, without any change.

    Raises `Unavailable`, and `Misconfigured` if the server has no such database.
    """
    actual = DatabaseState(host)
    with _reading(host, port) as client:
        columns = check_schema(client, DATABASE, _REQUIRED, OPTIONAL)
        client.monitor(DATABASE, _monitored(columns), actual.apply)
    return dict(actual.items())


def _monitored(columns: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the optional columns that a switch has."""
    wanted = {table: {*COLUMNS.get(table, ()), *OPTIONAL.get(table, ())} for table in columns}
    return {
        table: [name for name in names if name in wanted[table]] for table, names in columns.items() if wanted[table]
    }


@contextmanager
def _reading(host: str, port: int, timeout: float = CALL_SECONDS) -> Iterator[Client]:
    with closing(Client((host, port), timeout=timeout)) as client:
        try:
            yield client
        except Rejected as error:
            raise Misconfigured(error.message, **error.details) from None
