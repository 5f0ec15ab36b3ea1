"""One ZooKeeper server as a child process, which the kernel kills when the thread that started it ends.

Its folder holds the data, its number and its configuration. Members that the ensemble took in while it ran are kept by
the server itself, in the file that `zoo.cfg` names; a later start goes on with that file.
"""

import os
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from midonet.events.errors import Misconfigured
from midonet.services.zookeeper.members import Member, configuration

__all__ = ["Server", "mode"]

_DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
_FLAGS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dzookeeper.skipACL=yes",  # else only a super user with a password may take in members; we use no ACLs
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.NIOServerCnxn=warn",  # else a line for each of our looks
)
_DYNAMIC = re.compile(r"^dynamicConfigFile=(.*)$", re.MULTILINE)
_STOP_SECONDS = 4.0
_ASK_SECONDS = 2.0
_LOG_BYTES = 10 * 1024 * 1024


class Server:
    """The server `member` with its files in `folder`, run from the jars in `jars`."""

    def __init__(self, member: Member, folder: Path, jars: Path) -> None:
        self._member = member
        self._folder = folder.absolute()
        self._jars = jars.absolute()
        self._config = self._folder / "zoo.cfg"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_new(self) -> bool:
        """Whether it has never run."""
        return not self._config.exists()

    def start(self, members: Sequence[str] = ()) -> None:
        """Start the process; `members` are the lines of the configuration that a new server begins with."""
        try:
            self._write(members)
            self._process = self._spawn()
        except OSError as error:
            raise Misconfigured(
                f"cannot run ZooKeeper in {self._folder}: {error.strerror}", folder=str(self._folder)
            ) from None

    def stop(self) -> None:
        """End the process, by force if it takes long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ended(self) -> str | None:
        """Return how the process ended and its last word; None while it runs."""
        if self._process is None or self._process.poll() is None:
            return None
        lines = [
            line
            for line in self._log().read_text(errors="replace").splitlines()
            if "ERROR" in line or "Exception" in line
        ]
        return f"ZooKeeper ended with {self._process.returncode}: {lines[-1][:300] if lines else 'it says nothing'}"

    def _write(self, members: Sequence[str]) -> None:
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        (data / "myid").write_text(f"{self._member.number}\n")
        dynamic = self._folder / "members"
        if not self.is_new:
            found = _DYNAMIC.search(self._config.read_text())
            dynamic = Path(found[1]) if found else dynamic
        else:
            dynamic.write_text("".join(f"{line}\n" for line in members))
        draft = self._config.with_suffix(".new")
        draft.write_text(configuration(data, dynamic))
        draft.replace(self._config)

    def _spawn(self) -> subprocess.Popen[bytes]:
        log = self._log()
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".1"))
        home = os.environ.get("JAVA_HOME")
        java = f"{home}/bin/java" if home else "java"
        command = [*_DIE_WITH_PARENT, java, *_FLAGS, "-cp", f"{self._jars}/*", _MAIN, str(self._config)]
        with log.open("ab") as stream:
            return subprocess.Popen(  # noqa: S603 - ours
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _log(self) -> Path:
        return self._folder / "log"


def mode(member: Member) -> str | None:
    """Return `leader`, `follower` or `observer`; None while the server does not serve."""
    try:
        with socket.create_connection((member.host, member.client), timeout=_ASK_SECONDS) as connection:
            connection.settimeout(_ASK_SECONDS)
            connection.sendall(b"srvr")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError:
        return None
    found = re.search(rb"^Mode: (\w+)", answer, re.MULTILINE)
    return found[1].decode() if found else None
