"""A process whose threads command one combining writer, and that prints what each was promised.

    commander.py URL NAME THREADS COUNT

Every thread creates COUNT bridges, one after the other, each under a command id of its own.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from midonet.events.commands.command import Command, Create
from midonet.events.errors import Conflict, Unavailable
from midonet.events.log import open_log
from midonet.events.log.group_commit import GroupCommitWriter
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store


def bridge(name: str) -> Command:
    """Return the command that creates a bridge."""
    return Command("bridge.create", [Create("bridge", {"name": name})])


def command(writer: GroupCommitWriter, name: str) -> None:
    """Run one command, however often it has to be asked for."""
    while True:
        try:
            result = writer.execute(bridge(name), Context(actor=name, channel="test", command_id=name))
        except (Conflict, Unavailable):
            continue
        sys.stdout.write(f"{result.id} {result.position}\n")
        sys.stdout.flush()
        return


def main(url: str, name: str, threads: str, count: str) -> None:
    """Let all threads command."""

    def work(thread: int) -> None:
        for number in range(int(count)):
            command(writer, f"{name}-{thread}-{number}")

    with GroupCommitWriter(lambda: Store.open(open_log(url))) as writer, ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(work, range(int(threads))))


if __name__ == "__main__":
    main(*sys.argv[1:])
