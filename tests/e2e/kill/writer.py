"""One writer process of the kill run: runs its commands in order, and notes each one as soon as it is acknowledged.

    writer.py URL SEED NUMBER COUNT FOLDER

It never goes further than the file `allowed` in FOLDER says, begins after the last command that `acks-NUMBER` holds,
and repeats a command under its id until the log has acknowledged it. A refusal is a fault of the log: it ends.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import sleep

from killing.acks import allowed, note, read
from killing.load import Step, steps

from midonet.events.errors import Unavailable
from midonet.events.log import open_log
from midonet.events.log.store import Context, Store

_PAUSE = 0.05


def main(url: str, seed: int, number: int, count: int, folder: Path) -> None:
    """Run what is left of the list."""
    done = len(read(folder, number))
    store = _open(url)
    for index, step in enumerate(islice(steps(seed, number), done, count), done):
        while index >= allowed(folder):
            sleep(_PAUSE / 10)
        note(folder, number, step.id, _execute(store, step, number))


def _open(url: str) -> Store:
    while True:
        with _trouble():
            return Store(open_log(url))


def _execute(store: Store, step: Step, number: int) -> int:
    """Return the position at which the log acknowledged the command."""
    context = Context(actor=f"writer-{number}", command_id=step.id)
    while True:
        with _trouble():
            return store.execute(step.command, context).position


@contextmanager
def _trouble() -> Iterator[None]:
    """Say that something has to be tried again, and wait a little."""
    try:
        yield
    except Unavailable as error:
        print(f"trouble {error.code}", flush=True)
        sleep(_PAUSE)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
