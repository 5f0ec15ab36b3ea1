"""The identity of a process, stored with its resources, so that other processes can check whether it still runs.

A process number is no identity: it is reused, and every container counts its own, under a host name that two containers
may share. Boot id, PID namespace, process number and start time together identify a process.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct


class ProcessIdentity(Struct, frozen=True):
    """A process as stored in what it owns. Unknown fields of a record are ignored, absent ones have no value."""

    who: str = ""
    """Name to show."""
    machine: str = ""
    """Boot id and PID namespace; empty if unknown."""
    pid: int = 0
    begun: str = ""
    """Start time in clock ticks since boot (field 22 of proc_pid_stat(5))."""

    @property
    def local(self) -> bool:
        """Whether it belongs to this PID namespace and boot; only then can `gone` be true."""
        return self.machine != "" and self.machine == _machine()

    @property
    def gone(self) -> bool:
        """Whether the process has certainly ended; false if unknown."""
        if not self.local:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it runs, as another user
        begun = _begun(self.pid)
        return begun not in ("", self.begun)

    @property
    def current(self) -> bool:
        """Whether it is this process."""
        return self.local and (self.pid, self.begun) == (os.getpid(), _begun(os.getpid()))


def current_process(who: str = "") -> ProcessIdentity:
    """Return the identity of this process."""
    return ProcessIdentity(who, _machine(), os.getpid(), _begun(os.getpid()))


def decode_identity(data: bytes) -> ProcessIdentity:
    """Return the identity in a JSON object; other data is taken for the name."""
    try:
        return msgspec.json.decode(data, type=ProcessIdentity)
    except msgspec.DecodeError:
        return ProcessIdentity(data.decode(errors="replace") or "an unknown process")


def _machine() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _begun(pid: int) -> str:
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *fields = stat.rpartition(")")[2].split()
        return "ended" if state in "ZX" else fields[18]  # a zombie owns nothing any more
    return ""
