"""One ZooKeeper server as a child process; the kernel kills it when the thread that started it ends.

Its folder holds data, server number and configuration. The server stores the members added by reconfiguration in the
dynamic configuration file that `zoo.cfg` names; a restart uses that file.
"""

import os
import re
import socket
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from midonet.events.config.connection_security import current, tls_context
from midonet.events.errors import Misconfigured
from midonet.services.zookeeper.jars import find_java
from midonet.services.zookeeper.tls import Protection, write_private
from midonet.services.zookeeper_members import Member, client_hosts, configuration, with_clients_at

_DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
_FLAGS = (
    "-Xmx1g",  # ZooKeeper caches the last 500 changes, of up to half a MiB each, besides the data
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.NIOServerCnxn=warn",  # else one line per health check
    "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.NettyServerCnxn=warn",
    "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.auth.X509AuthenticationProvider=warn",
)
_DYNAMIC = re.compile(r"^dynamicConfigFile=(.*)$", re.MULTILINE)
_EXCEPTION = re.compile(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error): (.+)$", re.MULTILINE)
_ERROR = re.compile(r"^.* ERROR (.+)$", re.MULTILINE)
_STOP_SECONDS = 4.0
_ASK_SECONDS = 2.0
_LOG_BYTES = 10 * 1024 * 1024


class Server:
    """The server `member`, one of `members`, with its files in `folder`, run from the jars in `jars`."""

    def __init__(
        self, member: Member, members: Sequence[Member], protection: Protection, folder: Path, jars: Path
    ) -> None:
        self._member = member
        self._clients = {each.number: protection.clients_at(each) for each in members}
        self._protection = protection
        self._version: Sequence[float] | None = None
        self._folder = folder.absolute()
        self._jars = jars.absolute()
        self._config = self._folder / "zoo.cfg"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_new(self) -> bool:
        """Whether it has no configuration from an earlier run."""
        return not has_data(self._folder)

    def start(self, members: Sequence[str] = ()) -> None:
        """Start the process; `members` are the lines of the dynamic configuration of a new server."""
        try:
            self._write(members)
            self._process = self._spawn()
        except OSError as error:
            raise Misconfigured(
                f"cannot run ZooKeeper in {self._folder}: {error.strerror}", folder=str(self._folder)
            ) from None

    def stop(self) -> None:
        """Stop the process, with SIGKILL after a time-out."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ended(self) -> str | None:
        """Return exit status and last error of the ended process; None while it runs."""
        if self._process is None or self._process.poll() is None:
            return None
        reason = last_error(self._log().read_text(errors="replace"))
        place = client_hosts([self._member])
        return f"ZooKeeper at {place} ended with {self._process.returncode}: {reason} (log: {self._log()})"

    def renew(self) -> None:
        """Write certificates that were replaced; the server reloads them. Raises `Misconfigured` or `OSError`."""
        version = self._protection.version()
        if version != self._version:
            self._version = version
            self._protection.write(self._folder)

    def _write(self, members: Sequence[str]) -> None:
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)  # data and keys are confidential
        self.renew()
        (data / "myid").write_text(f"{self._member.number}\n")
        dynamic = self._folder / "members"
        if not self.is_new:
            found = _DYNAMIC.search(self._config.read_text())
            dynamic = Path(found[1]) if found else dynamic
            dynamic.write_text(
                with_clients_at(dynamic.read_text(), self._clients)
            )  # TLS may have been enabled or disabled
        else:
            dynamic.write_text("".join(f"{line}\n" for line in members))
        protection = self._protection.settings(self._member, self._folder)
        write_private(self._config, configuration(data, dynamic, protection).encode())

    def _spawn(self) -> subprocess.Popen[bytes]:
        log = self._log()
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".1"))
        command = [
            *_DIE_WITH_PARENT,
            find_java(os.environ),
            *_FLAGS,
            "-cp",
            f"{self._jars}/*",
            _MAIN,
            str(self._config),
        ]
        with log.open("ab") as stream:
            return subprocess.Popen(  # noqa: S603 - ours
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )

    def _log(self) -> Path:
        return self._folder / "log"


def has_data(folder: Path) -> bool:
    """Return whether a member has run in this folder."""
    return (folder / "zoo.cfg").exists()


def last_error(log: str) -> str:
    """Return the last exception in a log of ZooKeeper, without names of classes; else its last error."""
    found = _EXCEPTION.findall(log) or _ERROR.findall(log)
    return found[-1][:300] if found else "no error in its log"


def mode(member: Member) -> str | None:
    """Return `leader`, `follower` or `observer`; None while the server does not serve."""
    try:
        with closing(_connected(member)) as connection:
            connection.settimeout(_ASK_SECONDS)
            connection.sendall(b"srvr")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except (OSError, Misconfigured):
        return None
    found = re.search(rb"^Mode: (\w+)", answer, re.MULTILINE)
    return found[1].decode() if found else None


def _connected(member: Member) -> socket.socket:
    """Connect with the TLS settings of this process."""
    connection = socket.create_connection((member.host, member.client), timeout=_ASK_SECONDS)
    wire = current()
    if wire.zookeeper_ca is None:
        return connection
    try:
        context = tls_context("ZooKeeper", wire.zookeeper_ca, wire.zookeeper_cert, wire.zookeeper_key)
        return context.wrap_socket(connection, server_hostname=member.host)
    except BaseException:
        connection.close()
        raise
