"""Rebuild the rows of switches: compare them with the log and repair them."""

from collections.abc import Callable, Collection, Iterator, Mapping

from midonet.events.errors import MidonetError
from midonet.events.model.vtep import Vtep
from midonet.projections.base import Checkpoint
from midonet.projections.engine.feed import Feed
from midonet.projections.maintenance.compare import compare
from midonet.projections.maintenance.rebuild import LogSource, Monitor, RebuildReport, bring_up_to_date, following
from midonet.projections.vtep import CurrentRow, Key, Value, VtepProjection, VtepTarget, read_checkpoint, read_rows

_REPORTED = ("mcast", "bfd")


def rebuild(source: LogSource, monitor: Monitor, *, dry_run: bool = False) -> Iterator[RebuildReport | MidonetError]:
    """Compare each switch with the log and repair it unless `dry_run`; yield its report or why that failed."""
    with following(source, monitor) as feed:
        vteps = list(source.topology_at(source.head().position).all("vtep").values())
        with monitor.progress("switches", len(vteps)) as step:
            for vtep in vteps:
                try:
                    yield _rebuild(source, feed, vtep, dry_run=dry_run)
                except MidonetError as error:
                    yield type(error)(f"vtep {vtep.name or vtep.id}: {error.message}", **error.details)
                step(1)


def _rebuild(source: LogSource, feed: Feed, vtep: Vtep, *, dry_run: bool) -> RebuildReport:
    address = vtep.management_ip, vtep.management_port
    view = _SwitchView(address)
    found = compare(LogOnlyProjection(vtep.id, view.current), view, source.topology_at, source.records)
    position = found.position
    if not dry_run:
        target = VtepTarget(*address)
        projection = LogOnlyProjection(vtep.id, target.current)

        def at_head(reached: int) -> bool:
            nonlocal position
            position = reached
            return reached == feed.head.position

        bring_up_to_date(feed, projection, target, at_head)
    return RebuildReport("vtep", f"vtep {vtep.name or vtep.id}", position, differences=found)


class _SwitchView:
    """The rows of a switch, for `compare`."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._rows: dict[Key, Value] = {}

    def checkpoint(self) -> Checkpoint:
        """Return its checkpoint."""
        return read_checkpoint(*self._address)

    def read(self, keys: Collection[Key] | None) -> Mapping[Key, Value]:
        """Return its rows."""
        self._rows = rows = read_rows(*self._address)
        return rows if keys is None else {key: rows[key] for key in keys if key in rows}

    def current(self, key: Key) -> CurrentRow | None:
        """Return the value last read under a key."""
        return CurrentRow(self._rows[key], 0) if key in self._rows else None


class LogOnlyProjection(VtepProjection):
    """The desired rows of a VTEP, computed from the log without facts.

    Rows that depend on facts are not changed: MACs that other switches learned, and, as hosts may be dead, the flooding
    proxy and the tunnels with BFD.
    """

    def __init__(self, vtep: str, current: Callable[[Key], CurrentRow | None]) -> None:
        super().__init__(vtep, None, current)
        self._current = current

    def render(self, key: Key) -> Value | None:
        """Return the value as the daemon's projection does, except for values that depend on reports."""
        value = super().render(key)
        current = self._current(key) if value is not None and key[0] in _REPORTED else None
        return current.value if current is not None else value
