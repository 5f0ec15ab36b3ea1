"""The states of a view that nobody holds back."""

import pytest

from midonet.projections.status import State, moving_state


@pytest.mark.parametrize(
    ("in_step", "empty", "lag", "quiet", "state"),
    [
        (True, False, 0.0, 3600.0, "live"),
        (True, False, 0.2, 3600.0, "live"),
        (True, False, 3.0, 0.1, "catching-up"),
        (True, False, 3600.0, 0.1, "catching-up"),
        (True, False, 60.0, 60.0, "stalled"),
        (False, False, 0.0, 0.1, "catching-up"),
        (False, True, 60.0, 0.1, "rebuilding"),
        (False, False, 0.0, 60.0, "stalled"),
    ],
)
def test_states(*, in_step: bool, empty: bool, lag: float, quiet: float, state: State) -> None:
    assert moving_state(in_step=in_step, empty=empty, lag_seconds=lag, quiet_seconds=quiet) == state
