"""Logs with a random past, and midoctl on them."""

import io
import json
from contextlib import closing
from itertools import starmap
from pathlib import Path
from random import Random
from typing import Any

import pytest
from random_commands import random_command

from midonet.cli.main import main
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context, PendingCommand
from midonet.events.log.store import Store

__all__ = ["Midoctl", "grow"]

_ACTORS = ("alice@here", "bob@here", "bob@there")


def grow(url: str, commits: int, seed: int = 7) -> Store:
    """Add commits to a log by random commands; return the store, whose log is closed."""
    rng = Random(seed)  # noqa: S311 - a seed, not a secret
    with closing(open_log(url)) as log:
        store = Store(log)
        end = store.refresh().position + commits
        while store.topology.head.position < end:
            commands = [(random_command(rng, store.topology), Context(actor=rng.choice(_ACTORS))) for _ in range(10)]
            list(store.run(starmap(PendingCommand, commands[: end - store.topology.head.position])))
        return store


class Midoctl:
    """`midoctl -o json …` in this process, on one log, with a cache of its own."""

    def __init__(self, url: str, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.url = url
        self.home = home
        self.environ = {"HOME": str(home), "USER": "alice", "PATH": "/usr/bin:/bin", "MIDOCTL_SERVER": url}
        self._patch = patch

    def __call__(self, *words: str, form: str = "json") -> tuple[int, str, str]:
        """Return exit code, output and error."""
        with self._patch.context() as patch:
            out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
            patch.setattr("os.environ", self.environ)
            patch.setattr("sys.stdout", out)
            patch.setattr("sys.stderr", err)
            status = main(["-o", form, *words])
            output, error = (stream.buffer.getvalue().decode() for stream in (out, err))
            return status, output, error

    def ok(self, *words: str) -> Any:
        """Return what it prints, which must be one line of JSON."""
        status, output, error = self(*words)
        assert status == 0, error
        return json.loads(output)

    @property
    def index(self) -> Path:
        """The file of the index in the cache."""
        (folder,) = (self.home / ".cache" / "midonet").iterdir()
        return folder / "history.db"
