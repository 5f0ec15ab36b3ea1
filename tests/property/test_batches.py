"""What must always hold of commands that run together: each comes to what it would have come to alone."""

from contextlib import closing
from itertools import starmap
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from random_commands import random_command
from unlucky import UnluckyLog

from midonet.events.commands.command import Command
from midonet.events.commit import Head
from midonet.events.errors import MidonetError
from midonet.events.log import open_log
from midonet.events.log.commit_clock import CommitClock
from midonet.events.log.pending_command import Context, PendingCommand, Result
from midonet.events.log.store import Store

_COMMANDS = 60


class FixedClock(CommitClock, frozen=True):
    """Dates all commits alike: ids of new objects depend on the head, and so on the times of all commits before."""

    def time_after(self, head: Head) -> str:
        """Return the one time."""
        del head
        return "2026-01-31T12:00:00.000000Z"


def alone(store: Store, command: Command, context: Context) -> Result | MidonetError:
    """Run one command by itself."""
    try:
        return store.execute(command, context)
    except MidonetError as error:
        return error


def told(outcome: Result | MidonetError) -> Any:
    """Return what a caller can rely on: not the order of one commit's events, nor how the object is by now."""
    if isinstance(outcome, Result):
        return outcome.position, outcome.id, sorted(outcome.events, key=lambda event: event.key)
    return type(outcome), outcome.message, outcome.details


def context(rng: Random, number: int, position: int) -> Context:
    """Return a context with an id, which may have been used before, and sometimes with a demanded head."""
    used = rng.randrange(number + 1) if rng.random() < 0.1 else number
    demanded = rng.choice((position, position - 1)) if rng.random() < 0.2 else None
    return Context(actor="test", command_id=f"command-{used}", if_head=demanded)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # too slow to shrink
@given(st.integers(0, 2**32), st.lists(st.sampled_from(["fine", "arrived", "late", "lost"]), max_size=4))
def test_together_is_as_one_after_the_other(seed: int, fates: list[str]) -> None:
    rng = Random(seed)  # noqa: S311 - repeatable, not secret
    with TemporaryDirectory() as place:
        first, second = (open_log(f"sqlite:///{Path(place) / name}.db") for name in ("alone", "together"))
        with closing(first), closing(second):
            one, many = Store(first), Store(second)
            one.clock = many.clock = FixedClock()
            commands, expected = [], []
            for number in range(_COMMANDS):
                command = random_command(rng, one.topology), context(rng, number, one.topology.head.position)
                commands.append(command)
                expected.append(told(alone(one, *command)))
            many.log = UnluckyLog(second, fates)
            assert [told(outcome) for outcome in many.run(starmap(PendingCommand, commands))] == expected
            replay = Store.open(second)
            assert replay.topology == many.topology
            assert replay.topology.last_allocated == many.topology.last_allocated == one.topology.last_allocated
