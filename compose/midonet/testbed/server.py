"""Base class of all servers of the testbed: process, directory, log file, start and stop.

Servers are real: `kill` is SIGKILL, `freeze` is SIGSTOP. A subclass defines the command and the check whether the
server answers. No server outlives its Python process.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from midonet.events.errors import Unavailable
from midonet.testbed.ports import PortLease

LOOPBACK = "127.0.0.1"
_POLL = 0.02  # seconds between two checks of a server

# The kernel kills a child with its parent *thread*: one thread that never ends starts every server.
_launcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="testbed-launcher")
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
"""Prefix of a command: the kernel kills the process when the thread that started it ends."""

# Debian keeps the servers of Open vSwitch in sbin, which an ordinary user's PATH lacks.
_ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


def run(*command: str | Path) -> str:
    """Run a command and return its output. Raises `Unavailable` with its error output."""
    program = Path(command[0]).name
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_ENVIRONMENT)
    except OSError as error:
        raise Unavailable(f"cannot run {program} ({error.strerror}): run `make setup`", program=program) from error
    if done.returncode != 0:
        raise Unavailable(f"{program} failed: {(done.stderr or done.stdout).strip()}", program=program)
    return done.stdout


def accepts(host: str, port: int) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


class Scoped(ABC):
    """Base class of context managers that start on entry and clean up on exit."""

    @abstractmethod
    def start(self) -> None:
        """Start; return when it serves."""

    @abstractmethod
    def close(self) -> None:
        """Stop and remove everything."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Server(Scoped):
    """One server process on loopback, with its data in a directory of its own.

    Use it in a `with` statement, or call `start` and in the end `close`. Data and ports are kept until
    `close`, over any number of `stop`, `kill` and `restart`.
    """

    name: ClassVar[str]
    """Name of the server, in the name of the directory and in errors."""

    patience: ClassVar[float] = 30.0
    """Seconds that the server may take until it serves."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    """Signal for a clean stop."""

    stop_patience: ClassVar[float] = 10.0
    """Seconds for a clean stop before SIGKILL."""

    def __init__(self) -> None:
        # /tmp whatever TMPDIR says: a Unix socket's path must stay under 107 bytes
        self.directory = Path(tempfile.mkdtemp(prefix=f"mn-{self.name}-", dir="/tmp"))
        self.log = self.directory / "log"
        self._leases: list[PortLease] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._prepared = False
        self._log_start = 0

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Return the command line that runs the server in the foreground."""

    @abstractmethod
    def serves(self) -> bool:
        """Whether the server answers its clients now."""

    def prepare(self) -> None:
        """Create configuration and data; called once, before the first start."""

    def lease_port(self, host: str = LOOPBACK) -> int:
        """Return a port on `host` that is leased until `close`."""
        self._leases.append(PortLease(host))
        return self._leases[-1].port

    def has_logged(self, text: str) -> bool:
        """Whether the log has this text since the last start."""
        return text.encode() in self.log.read_bytes()[self._log_start :]

    @property
    def running(self) -> bool:
        """Whether the process exists, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the running server; `Unavailable` where it does not run."""
        if self._process is None or not self.running:
            raise Unavailable(f"{self.name} does not run", server=self.name)
        return self._process.pid

    def start(self) -> None:
        """Start, and return when the server serves; `Unavailable` with the end of its log if it does not."""
        self.launch()
        self.await_serving()

    def launch(self) -> None:
        """Start the process, unless it runs, without waiting for it to serve."""
        if self.running:
            return
        if not self._prepared:
            self.prepare()
            self._prepared = True
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._process = _launcher.submit(self._spawn).result()

    def await_serving(self) -> None:
        """Wait until a launched server serves; as `start`."""
        deadline = time.monotonic() + self.patience
        while self.running and time.monotonic() < deadline:
            if self.serves():
                return
            time.sleep(_POLL)
        self.kill()
        raise Unavailable(f"{self.name} did not serve; its log ends:\n{_tail(self.log)}", server=self.name)

    def stop(self) -> None:
        """Stop the server, with SIGKILL after a time-out."""
        if self._process is None or not self.running:
            return
        self.thaw()
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(self.stop_patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the server and its children with SIGKILL; return when they have ended."""
        if self._process is None or not self.running:
            return
        family = self._signal(signal.SIGKILL)
        self._process.wait()
        while any(_lives(pid) for pid in family):
            time.sleep(_POLL)

    def restart(self) -> None:
        """Stop if it runs, and start on the same data and ports; as `start`."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: the server keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: the server continues after `freeze`."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill the server, remove its data and release its ports."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
        for lease in self._leases:
            lease.release()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*DIE_WITH_PARENT, *self.command()],
                cwd=self.directory,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must not reach the servers: they are stopped in order
            )

    def _signal(self, number: signal.Signals) -> list[int]:
        family = [self.pid, *_children(self.pid)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return family


def _children(pid: int) -> list[int]:
    """Return the child processes of the main thread (PostgreSQL forks one per session)."""
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def _lives(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    state = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return bool(state) and state[0] != "Z"


def _read(path: str) -> str:
    """Return the content of a file of /proc; empty if the process has ended."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _tail(log: Path, lines: int = 15) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])
