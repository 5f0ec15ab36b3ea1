"""The process that holds a lock, and whether it can still be alive."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct


class Holder(Struct, frozen=True):
    """A process that holds something, in the words of people and in those of its machine."""

    who: str
    machine: str = ""
    """Boot of a machine, and the space of process numbers on it; empty if that cannot be told."""
    pid: int = 0
    begun: str = ""
    """When the process began, in the machine's own count."""

    @property
    def local(self) -> bool:
        """Whether it is, or was, where this process is: `gone` knows."""
        return self.machine != "" and self.machine == _machine()

    @property
    def gone(self) -> bool:
        """Whether the process certainly lives no more."""
        if not self.local:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it lives and belongs to another user
        begun = _begun(self.pid)
        return begun not in ("", self.begun)


def this_process(who: str) -> Holder:
    """Return this process, called `who`."""
    return Holder(who, _machine(), os.getpid(), _begun(os.getpid()))


def decode_holder(data: bytes) -> Holder:
    """Return who holds something; what is not ours to read is taken for a name."""
    try:
        return msgspec.json.decode(data, type=Holder)
    except msgspec.DecodeError:
        return Holder(data.decode(errors="replace") or "somebody")


def _machine() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _begun(pid: int) -> str:
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *fields = stat.rpartition(")")[2].split()
        return "ended" if state in "ZX" else fields[18]  # a zombie holds nothing any more
    return ""
