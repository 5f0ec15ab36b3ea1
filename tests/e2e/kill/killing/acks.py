"""Files by which writers and the run communicate; they outlive every process.

Times are nanoseconds of the machine's monotonic clock, which all processes share.
"""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns
from typing import NamedTuple

from killing.history import Call, Repeat

_LINE = len("00000000-0000-0000-0000-000000000000 1234567890 12345678901234567890\n")


class Ack(NamedTuple):
    """One acknowledged command of a writer."""

    id: str
    position: int
    responded: int = 0


def begin(folder: Path, writer: int, command_id: str) -> None:
    """Record that a command will be sent; a writer restarted after SIGKILL records it again."""
    _add(folder / f"calls-{writer}", f"{command_id} {monotonic_ns()}\n")


def note(folder: Path, writer: int, command_id: str, position: int) -> None:
    """Add an acknowledged command to a writer's list."""
    _add(folder / f"acks-{writer}", f"{command_id} {position:>10} {monotonic_ns():>20}\n")


def record_repeat(folder: Path, writer: int, repeat: Repeat) -> None:
    """Record the result of a command that was sent again."""
    _add(folder / f"again-{writer}", f"{repeat.id} {repeat.position} {int(repeat.same)}\n")


def _add(path: Path, line: str) -> None:
    """Append a line in one write, so that SIGKILL leaves no partial line."""
    with path.open("ab", buffering=0) as file:
        file.write(line.encode())


def _lines(path: Path) -> Iterator[list[str]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return map(str.split, lines)


def read(folder: Path, writer: int) -> list[Ack]:
    """Return the acknowledged commands of a writer in order."""
    return [Ack(each, int(position), int(at)) for each, position, at in _lines(folder / f"acks-{writer}")]


def calls(folder: Path, writer: int) -> list[Call]:
    """Return the calls of a writer: its acknowledged commands, each from its first send."""
    begun: dict[str, int] = {}
    for command_id, at in _lines(folder / f"calls-{writer}"):
        begun.setdefault(command_id, int(at))
    return [Call(ack.id, begun[ack.id], ack.responded, ack.position) for ack in read(folder, writer)]


def repeats(folder: Path, writer: int) -> list[Repeat]:
    """Return the commands that a writer sent again."""
    lines = _lines(folder / f"again-{writer}")
    return [Repeat(command_id, int(position), same == "1") for command_id, position, same in lines]


def count(folder: Path) -> int:
    """Return the number of acknowledged commands of all writers, from file sizes."""
    return sum(path.stat().st_size for path in folder.glob("acks-*")) // _LINE


def allow(folder: Path, count: int) -> None:
    """Let every writer continue up to so many commands."""
    fresh = folder / "allowed.new"
    fresh.write_text(str(count))
    fresh.replace(folder / "allowed")


def allowed(folder: Path) -> int:
    """Return the number of commands up to which a writer may continue."""
    return int((folder / "allowed").read_text())
