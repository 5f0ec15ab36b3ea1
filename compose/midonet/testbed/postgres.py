"""Real PostgreSQL, with durable commits and without passwords on loopback."""

import os
import pwd
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from midonet.events.errors import Unavailable
from midonet.testbed.server import LOOPBACK, Server, run

_INITDB = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")


class Postgres(Server):
    """One PostgreSQL server; its databases are made by `create_database`."""

    name = "postgres"
    patience: ClassVar[float] = 60.0  # after a crash it recovers, first of all
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # ends sessions; SIGTERM would wait for them

    def __init__(self) -> None:
        super().__init__()
        self.port = self.lease_port()
        self._data = self.directory / "data"

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database that every server has."""
        return self._url("postgres")

    def create_database(self) -> str:
        """Create an empty database of a name of its own, and return its SQLAlchemy URL."""
        name = f"mn_{uuid4().hex}"
        run(_program("createdb"), f"--host={LOOPBACK}", f"--port={self.port}", "--username=postgres", name)
        return self._url(name)

    def prepare(self) -> None:
        """Create the data directory, owned by the user that the server runs as."""
        if account := _account():
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        run(*_as_account(), _program("initdb"), f"--pgdata={self._data}", *_INITDB)

    def command(self) -> Sequence[str | Path]:
        """Run in the foreground; the Unix socket goes to the server's own directory."""
        settings = [
            f"listen_addresses={LOOPBACK}",
            f"port={self.port}",
            f"unix_socket_directories={self.directory}",
            "checkpoint_timeout=30s",  # every database made since is to be recovered after a crash
        ]
        options = [part for setting in settings for part in ("-c", setting)]
        return [*_as_account(), _program("postgres"), "-D", self._data, *options]

    def serves(self) -> bool:
        """Whether it accepts sessions: after a crash it first recovers."""
        try:
            run(_program("pg_isready"), f"--host={LOOPBACK}", f"--port={self.port}", "--quiet")
        except Unavailable:
            return False
        return True

    def close(self) -> None:
        """As `Server.close`, but stopped first: a killed server leaves shared memory behind."""
        self.stop()
        super().close()

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@{LOOPBACK}:{self.port}/{database}"


_UNPRIVILEGED = 65_534
"""User id that Debian and the kernel (overflowuid) give to processes without privileges."""


def _account() -> pwd.struct_passwd | None:
    """Return the account that runs the server if we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
    return accounts.get("postgres") or pwd.getpwuid(_UNPRIVILEGED)


def _as_account() -> list[str]:
    account = _account()
    if account is None:
        return []
    # a change of user clears the death signal that `Server` has set
    groups = ("--clear-groups", f"--regid={account.pw_gid}", f"--reuid={account.pw_uid}")
    return ["setpriv", *groups, "--pdeathsig=KILL"]


def _program(name: str) -> Path:
    """Return the newest installed program of that name; Debian keeps them per version, off the PATH."""
    programs = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if programs:
        return programs[-1]
    if found := shutil.which(name):
        return Path(found)
    raise Unavailable(f"PostgreSQL's {name} is not installed: run `make setup`", program=name)
