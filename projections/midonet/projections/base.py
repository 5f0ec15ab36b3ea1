"""The two halves of a projection: what should be there (pure), and where it has to be (a target).

A projection never decides anything and a target never knows the topology. Between them stands the delta
tracker (`midonet.projections.engine.delta_tracker`), as in Calico's Felix: desired, actual and pending in one
structure.
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
    """The commit up to which a target contains exactly everything; it lives in the target itself."""

    position: int = 0
    hash: str = "0" * 64


class Fenced(Exception):
    """The target is not as this writer left it, and nothing was written: load it again.

    Another writer moved its checkpoint, or another client removed our values.
    """

    bulk = False
    """Whether another writer is in the middle of a change of many transactions, which goes first."""


class Unwritable(Exception):
    """The target can never hold the value of this key; nothing was written. The key is parked, the others go on."""

    def __init__(self, key: Any, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key


class SideRepair(Struct, frozen=True):
    """A repair of something other than a value: a checkpoint, a pointer, a permission."""

    key: str
    found: Any
    expected: Any


def key_text(key: Any) -> str:
    """Return a key in words, as operators see it and name it."""
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


class Projection(Protocol[K, V_co]):
    """Desired state as a pure function of the topology, kept up to date change by change.

    The topology passed to `attach` is folded by the caller; `render` must answer for its present state, at a cost
    that does not grow with the size of the topology.
    """

    name: str

    def attach(self, topology: Topology) -> None:
        """Start over from a whole topology."""

    def apply(self, changes: Sequence[Change]) -> Iterable[K]:
        """Take note of the changes of one commit, already in the topology; return the keys they may have touched."""

    def keys(self) -> Iterable[K]:
        """Return every key that should exist."""

    def render(self, key: K) -> V_co | None:
        """Return the value that a key should have, or None if it should not exist."""


class Target(Protocol[K, V]):
    """A place outside that holds a view and its checkpoint, and changes both in one transaction.

    `load`, `peek` and `write` raise `Unavailable` when it cannot be reached or the outcome is unknown (the caller loads
    again, for ever); `write` also raises `Fenced` and `Unwritable`. All but `wake` are called by one thread at a time.

    A target may also have `begin(delta, checkpoint)`, which is `write` in two steps: it sends what needs no waiting,
    and returns what does the rest and raises as `write`, or None if this delta cannot be written so; no other call
    comes between the steps. It may have `waiting()`, what it cannot take yet; `mended()`, what else than values `load`
    and `write` put right since the last call; and `renewed()`, whether what the last `load` found was not left there by
    the one before, but is another generation, or was made by a release that makes other values of the same topology.
    Of a place that cannot take all values, `takes(key, value)` says whether it can now, and `freed()` which keys could
    not be written and can be as of the last `load`: neither is anybody's doing. `instead(key)` says what of others is
    where a value is missing, if anything.
    """

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` from now on whenever `drifted` may have become true, or the connection was lost or is back.

        `wake` may be called by any thread and never blocks.
        """

    def load(self) -> tuple[Checkpoint, Mapping[K, V]]:
        """Connect if needed; return the checkpoint (position 0 if there is none) and all that is ours there."""

    def peek(self) -> Checkpoint:
        """Return the checkpoint as it is now, and nothing else, at a small cost; raises as `load`."""

    def write(self, delta: Mapping[K, V | None], checkpoint: Checkpoint) -> None:
        """Write values (None: remove) and the checkpoint, in one transaction wherever the target's limits allow.

        Where they do not, the checkpoint moves last.
        """

    def drifted(self) -> bool:
        """Return whether another client changed our values since the last `load`; must not do I/O."""

    def close(self) -> None:
        """Release connections; never remove anything from the target."""
