"""Commands with thousands of operations: decided beside the writer, so that other commands need not wait.

They are decided on the topology for long reads and appended by compare-and-append. If others append first each time,
the command goes to the writer after some attempts: it holds the writer once, and always ends.
"""

import asyncio
from weakref import WeakValueDictionary

from midonet.events.commands.command import Command
from midonet.events.log.pending_command import Context, Result
from midonet.services.api.reads.private_topology import PrivateTopology

LONG = 500
"""Cost above which a command is decided beside the writer: about a fifth of a second."""
ATTEMPTS = 3


class LongDecisions:
    """Decides one long command at a time; callers take turns. Used on the event loop."""

    def __init__(self, private: PrivateTopology) -> None:
        self._private = private
        self._turn = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def run(self, command: Command, context: Context, *, dry_run: bool) -> Result | None:
        """Execute a command with a command id; None if others appended first in each attempt.

        Raises as `Store.execute`. A caller queues one command at a time, so that callers take turns.
        """
        own = self._turns.setdefault(context.actor, asyncio.Lock())
        async with own, self._turn:
            return await asyncio.to_thread(self._execute, command, context, dry_run=dry_run)

    def _execute(self, command: Command, context: Context, *, dry_run: bool) -> Result | None:
        with self._private.store() as store:
            return store.try_execute(command, context, ATTEMPTS, dry_run=dry_run)
