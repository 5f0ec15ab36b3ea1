"""A process that appends commits to a log, concurrently with other writers, and prints those that were acknowledged.

    racer.py URL NAME COUNT

It never guesses: after a lost race it goes on from the new head, after a broken connection it asks for its id.
"""

import sys
import time

from commits import commit, head_of

from midonet.events.commit import GENESIS
from midonet.events.errors import HeadMoved, Unavailable
from midonet.events.log import Log, open_log

PATIENCE = 60.0


class Racer:
    """Appends one command after the other."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._head = GENESIS

    def run(self, command_id: str) -> int:
        """Return the position of a command, however long it takes."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                return self._attempt(command_id)
            except HeadMoved:
                pass
            except Unavailable:
                time.sleep(0.05)
        raise TimeoutError(command_id)

    def _attempt(self, command_id: str) -> int:
        for record in self._log.read(self._head):
            self._head = record.head
        if done := self._log.find(command_id):
            return done.commit.position
        raw = commit(self._head, id=command_id, reason=str(time.time()))
        self._log.append(self._head, [raw])
        self._head = head_of(self._head, raw)
        return self._head.position


def reached(url: str) -> Log:
    """Open the log, once its server is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return open_log(url)
        except Unavailable:
            if time.monotonic() > deadline:
                raise


def main(url: str, name: str, count: str) -> None:
    """Run `count` commands and print the id and position of each."""
    racer = Racer(reached(url))
    for number in range(int(count)):
        command_id = f"{name}-{number}"
        position = racer.run(command_id)
        sys.stdout.write(f"{command_id} {position}\n")  # at once, as a death may come between two writes
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
