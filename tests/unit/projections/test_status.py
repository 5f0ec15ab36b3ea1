"""The states of a view that nobody holds back."""

import pytest

from midonet.events.errors import Unavailable
from midonet.projections.status import Standing, State, moving_state


@pytest.mark.parametrize(
    ("in_step", "empty", "lag", "quiet", "failing", "state"),
    [
        (True, False, 0.0, 3600.0, 0.0, "live"),
        (True, False, 0.2, 3600.0, 0.0, "live"),
        (True, False, 3.0, 0.1, 0.0, "catching-up"),
        (True, False, 3600.0, 0.1, 0.0, "catching-up"),
        (True, False, 60.0, 60.0, 0.0, "stalled"),
        (False, False, 8.1, 60.0, 0.1, "stalled"),
        (False, False, 0.0, 60.0, 0.1, "catching-up"),
        (False, True, 60.0, 0.1, 0.1, "rebuilding"),
        (False, False, 0.0, 60.0, 60.0, "stalled"),
    ],
)
def test_states(  # noqa: PLR0913 - a row of the table
    *, in_step: bool, empty: bool, lag: float, quiet: float, failing: float, state: State
) -> None:
    found = moving_state(in_step=in_step, empty=empty, lag_seconds=lag, quiet_seconds=quiet, failing_seconds=failing)
    assert found == state


def test_who_fails_after_a_long_silence_was_silent_all_along() -> None:
    standing = Standing("nsdb")
    standing.succeeded(1)
    assert standing.failing_seconds == 0
    before = standing.quiet_seconds
    standing.failed(Unavailable("gone"))
    assert standing.quiet_seconds >= before
    assert 0 < standing.failing_seconds <= standing.quiet_seconds
