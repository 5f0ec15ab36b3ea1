"""A writer process of the kill run: runs its commands in order and records each acknowledgement.

    writer.py URL SEED NUMBER COUNT FOLDER

URL names a log, or the API of several nodes. The writer continues after the last command in `acks-NUMBER`, up to the
number in the file `allowed`, and retries each command with the same id until it is acknowledged. It sends some commands
again after that. A rejected command ends the writer: it is a violation.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from time import sleep

import msgspec
from killing.acks import allowed, begin, note, read, record_repeat
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
"""Fraction of the commands that are sent again after their acknowledgement."""

AnyStore = Store | RemoteStore


def main(url: str, seed: int, number: int, count: int, folder: Path) -> None:
    """Run the remaining commands."""
    done = len(read(folder, number))
    store, other = _open(url), _open(_rotated(url))
    for index, step in enumerate(islice(steps(seed, number), done, count), done):
        while index >= allowed(folder):
            sleep(_PAUSE / 10)
        begin(folder, number, step.id)
        result = _execute(store, step, number)
        note(folder, number, step.id, result.position)
        if Random(step.id).random() < _REPEATED:  # noqa: S311 - a repeatable run
            again = _execute(other, step, number)
            record_repeat(folder, number, Repeat(step.id, again.position, _plain(again) == _plain(result)))


def _plain(result: Result) -> bytes:
    """Return the canonical encoding of an answer."""
    return msgspec.json.encode(result, order="sorted")


def _rotated(url: str) -> str:
    """Return the URL with the nodes rotated, so that repeated commands go to another node."""
    scheme, _, places = url.partition("://")
    first, _, rest = places.partition(",")
    return f"{scheme}://{rest},{first}" if scheme == "http" and rest else url


def _open(url: str) -> AnyStore:
    if url.startswith("http"):
        return RemoteStore(url, ApiClient(url))
    while True:
        with _retry():
            return Store(open_log(url))


def _execute(store: AnyStore, step: Step, number: int) -> Result:
    """Return the acknowledged result."""
    context = Context(actor=f"writer-{number}", command_id=step.id)
    while True:
        with _retry():
            return store.execute(step.command, context)


@contextmanager
def _retry() -> Iterator[None]:
    """Print the error code of a failed attempt and wait before the retry."""
    try:
        yield
    except Unavailable as error:
        print(f"trouble {error.code}", flush=True)
        sleep(_PAUSE)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
