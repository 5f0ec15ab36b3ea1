"""Compares a view, which may change meanwhile, with a fresh fold of its log.

The view is compared at one position: a value that changed while it was read is read again, and only confirmed
differences count. Never writes.
"""

import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from midonet.events.commit import Head, Record
from midonet.events.errors import Diverged, LostCommits
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.projections.base import Checkpoint, Projection, key_text
from midonet.projections.engine.drift import drift_kind

K = TypeVar("K")
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


class Differences(Struct):
    """The keys (as text, sorted) at which a view differs from its log, and the position of the comparison."""

    position: int
    compared: int = 0
    missing: list[str] = []
    extra: list[str] = []
    different: list[str] = []

    def __bool__(self) -> bool:
        """Whether there are differences."""
        return bool(self.missing or self.extra or self.different)


class ComparedView(Protocol[K, V_co]):
    """A view that can be read."""

    def checkpoint(self) -> Checkpoint:
        """Return its checkpoint."""

    def read(self, keys: Collection[K] | None) -> Mapping[K, V_co]:
        """Return the values of these keys; or all values, if keys cannot be read separately."""


def compare(
    projection: Projection[K, V],
    view: ComparedView[K, V],
    topology_at: Callable[[int], Topology],
    records: Callable[[Head], Iterator[Record]],
    same: Callable[[V, V], bool] = operator.eq,
) -> Differences:
    """Return the differences between a view and the log at the view's own position.

    `topology_at` folds the log up to a position, `records` reads the commits after it. Raises `LostCommits` and
    `Diverged` if the view does not belong to this log.
    """
    start = view.checkpoint()
    topology = topology_at(start.position)
    _check(topology.head, start)
    projection.attach(topology)
    return _Comparison(projection, topology, records, view, same).run()


def _check(head: Head, checkpoint: Checkpoint) -> None:
    if head.position < checkpoint.position:
        raise LostCommits(
            f"the view has seen commit {checkpoint.position}, but the log ends at {head.position}",
            checkpoint=checkpoint.position,
            head=head.position,
        )
    if head.hash != checkpoint.hash:
        raise Diverged(
            f"commit {checkpoint.position} of the view differs from that of the log: the view belongs to another log",
            position=checkpoint.position,
            target=checkpoint.hash,
            log=head.hash,
        )


class _Comparison(Generic[K, V]):
    def __init__(
        self,
        projection: Projection[K, V],
        topology: Topology,
        records: Callable[[Head], Iterator[Record]],
        view: ComparedView[K, V],
        same: Callable[[V, V], bool],
    ) -> None:
        self._projection = projection
        self._topology = topology
        self._records = records
        self._view = view
        self._same = same
        self._differing: dict[str, list[str]] = {"missing": [], "extra": [], "different": []}
        self._compared = 0

    def run(self) -> Differences:
        """Compare in rounds, each for the keys without a confirmed result."""
        uncertain: set[K] | None = None
        while uncertain is None or uncertain:
            self._fold_to(self._view.checkpoint().position)
            found = self._view.read(uncertain)
            touched = self._fold_to(self._view.checkpoint().position)
            keys = {*found, *self._projection.keys()} | touched if uncertain is None else uncertain
            for key in keys - touched:
                self._compare(key, found.get(key))
            uncertain = keys & touched
        told = {kind: sorted(named) for kind, named in self._differing.items()}
        return Differences(self._topology.head.position, self._compared, **told)

    def _fold_to(self, position: int) -> set[K]:
        """Fold the log up to the view's position; return the keys that may have changed since."""
        touched: set[K] = set()
        if self._topology.head.position < position:
            for record in self._records(self._topology.head):
                touched.update(self._projection.apply(fold(self._topology, record)))
                if record.commit.position == position:
                    break
        return touched

    def _compare(self, key: K, found: V | None) -> None:
        expected = self._projection.render(key)
        self._compared += 1
        if found is None and expected is None:
            return
        if found is None or expected is None or not self._same(found, expected):
            self._differing[drift_kind(found, expected)].append(key_text(key))
