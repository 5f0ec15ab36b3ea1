"""How a projection stands on its target: the same words and numbers for every projection, everywhere. Pure."""

from typing import Literal

from msgspec import Struct

__all__ = ["State", "Status", "moving_state"]

State = Literal["live", "catching-up", "rebuilding", "paused", "parked", "stalled"]

_FRESH = 1.0
"""Seconds that a live view may lag."""

_PATIENCE = 5.0
"""Seconds without any progress after which a view that is behind is stalled."""


class Status(Struct, frozen=True, kw_only=True):
    """How one projection stands on its target."""

    name: str
    state: State
    position: int
    """The commit up to which the target is known to contain everything."""
    head: int
    """The commit up to which this process knows the log."""
    lag_events: int
    """Commits that the target lacks."""
    lag_seconds: float
    """Age of the oldest of them."""
    error: str | None
    """What went wrong last, until it is over."""
    repairs: int
    """How many values were lost in the target or edited there by others, and put right."""
    parked: dict[str, str]
    """Keys that the target can never hold as they are, with the reason."""


def moving_state(*, in_step: bool, empty: bool, lag_seconds: float, quiet_seconds: float) -> State:
    """Return the state of a view that nobody holds back.

    `in_step`: the target was read and written last without error. `empty`: it holds nothing yet.
    `quiet_seconds`: since the last progress, or since it ceased to be in step.
    """
    if quiet_seconds > _PATIENCE and (not in_step or lag_seconds > _PATIENCE):
        return "stalled"
    if in_step and lag_seconds < _FRESH:
        return "live"
    return "rebuilding" if empty else "catching-up"
