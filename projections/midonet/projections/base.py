"""Interfaces of a projection (desired state, pure) and of a target (the external system that stores it).

A projection decides nothing; a target does not use the topology. The delta tracker
(`midonet.projections.engine.delta_tracker`) connects them: it holds desired, actual and pending values, as in Calico's
Felix.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology

K = TypeVar("K")
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


class Checkpoint(Struct, frozen=True):
    """The commit up to which a target contains all changes; stored in the target itself."""

    position: int = 0
    hash: str = "0" * 64


class Fenced(Exception):
    """The target changed since this writer last read it, and nothing was written: load it again.

    Another writer advanced the checkpoint, or another client removed values.
    """

    bulk = False
    """Whether another writer is in the middle of a change of several transactions, which has precedence."""


class Unwritable(Exception):
    """The target cannot store the value of this key; nothing was written. The key is parked, the others are written."""

    def __init__(self, key: Any, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key


class SideRepair(Struct, frozen=True):
    """A repair of something other than a value: a checkpoint, a pointer, a permission."""

    key: str
    found: Any
    expected: Any


def key_text(key: Any) -> str:
    """Return a key as text, as operators read and enter it."""
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


class Projection(Protocol[K, V_co]):
    """Desired state as a pure function of the topology, updated incrementally.

    The caller folds the topology passed to `attach`; `render` returns values for its present state, at a cost that does
    not grow with the size of the topology.
    """

    name: str

    def attach(self, topology: Topology) -> None:
        """Start again from a whole topology."""

    def apply(self, changes: Sequence[Change]) -> Iterable[K]:
        """Record the changes of one commit, which the topology has already; return the keys that they may affect."""

    def keys(self) -> Iterable[K]:
        """Return every key that should exist."""

    def render(self, key: K) -> V_co | None:
        """Return the value that a key should have, or None if it should not exist."""


class Target(Protocol[K, V]):
    """An external system that stores a view and its checkpoint, and changes both in one transaction.

    `load`, `peek` and `write` raise `Unavailable` if it cannot be reached or the outcome is unknown (the caller loads
    again, without limit); `write` also raises `Fenced` and `Unwritable`. All but `wake` are called by one thread at a
    time.

    Optional: `begin(delta, checkpoint)` is `write` in two steps. It sends without waiting and returns a function that
    completes the write and raises as `write`, or None if it cannot send this delta; no other call comes between the
    steps. `waiting()` returns the keys that the target cannot accept yet. `side_repairs()` returns what `load` and
    `write` repaired since the last call, apart from values. `renewed()` returns whether the last `load` found another
    generation, or values of a release that renders them differently.

    Optional, for a target that cannot store all values: `accepts(key, value)` returns whether it can store a value now,
    and `unblocked()` returns the keys that it can store since the last `load`; neither is drift. `foreign_value(key)`
    returns the value of another client that is in the place of a missing value.
    """

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever `drifted` may have become true, or the connection was lost or restored.

        `wake` may be called by any thread and never blocks.
        """

    def load(self) -> tuple[Checkpoint, Mapping[K, V]]:
        """Connect if needed; return the checkpoint (position 0 if there is none) and all own values."""

    def peek(self) -> Checkpoint:
        """Return only the present checkpoint, at a small cost; raises as `load`."""

    def write(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> None:
        """Write values (None: remove) and the checkpoint, in one transaction wherever the target's limits allow.

        Otherwise the checkpoint is written last.
        """

    def drifted(self) -> bool:
        """Return whether another client changed own values since the last `load`; must not do I/O."""

    def close(self) -> None:
        """Release connections; never remove anything from the target."""
