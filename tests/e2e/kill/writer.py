"""One writer process of the kill run: runs its commands in order, and notes each one as soon as it is acknowledged.

    writer.py URL SEED NUMBER COUNT FOLDER

URL is of a log, or of the API of several nodes. It never goes further than the file `allowed` in FOLDER says, begins
after the last command that `acks-NUMBER` holds, and repeats a command under its id until it is acknowledged. Now and
then it sends one once more after that. A refusal is a fault of the log: it ends.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from time import sleep

import msgspec
from killing.acks import allowed, begin, note, note_again, read
from killing.history import Repeat
from killing.load import Step, steps

from midonet.cli.session.remote_topology import RemoteStore
from midonet.events.api_client import ApiClient
from midonet.events.errors import Unavailable
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context, Result
from midonet.events.log.store import Store

_PAUSE = 0.05
_REPEATED = 0.1
"""Share of the commands that are sent once more after they were acknowledged."""

AnyStore = Store | RemoteStore


def main(url: str, seed: int, number: int, count: int, folder: Path) -> None:
    """Run what is left of the list."""
    done = len(read(folder, number))
    store, other = _open(url), _open(_turned(url))
    for index, step in enumerate(islice(steps(seed, number), done, count), done):
        while index >= allowed(folder):
            sleep(_PAUSE / 10)
        begin(folder, number, step.id)
        result = _execute(store, step, number)
        note(folder, number, step.id, result.position)
        if Random(step.id).random() < _REPEATED:  # noqa: S311 - a repeatable run
            again = _execute(other, step, number)
            note_again(folder, number, Repeat(step.id, again.position, _plain(again) == _plain(result)))


def _plain(result: Result) -> bytes:
    """Return the answer as any client would see it."""
    return msgspec.json.encode(result, order="sorted")


def _turned(url: str) -> str:
    """Return the address with the nodes in another order: what is sent again goes to another node first."""
    scheme, _, places = url.partition("://")
    first, _, rest = places.partition(",")
    return f"{scheme}://{rest},{first}" if scheme == "http" and rest else url


def _open(url: str) -> AnyStore:
    if url.startswith("http"):
        return RemoteStore(url, ApiClient(url))
    while True:
        with _trouble():
            return Store(open_log(url))


def _execute(store: AnyStore, step: Step, number: int) -> Result:
    """Return what the log acknowledged."""
    context = Context(actor=f"writer-{number}", command_id=step.id)
    while True:
        with _trouble():
            return store.execute(step.command, context)


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
