"""What writers and the conductor tell each other through files, which outlive any of them."""

from pathlib import Path
from typing import NamedTuple

__all__ = ["Ack", "allow", "allowed", "count", "note", "read"]


_LINE = len("00000000-0000-0000-0000-000000000000 1234567890\n")


class Ack(NamedTuple):
    """One command that a writer was told to be done."""

    id: str
    position: int


def note(folder: Path, writer: int, command_id: str, position: int) -> None:
    """Add an acknowledged command to a writer's list; one write, so that no SIGKILL leaves half a line."""
    with (folder / f"acks-{writer}").open("ab", buffering=0) as file:
        file.write(f"{command_id} {position:>10}\n".encode())


def read(folder: Path, writer: int) -> list[Ack]:
    """Return the acknowledged commands of a writer, in its order."""
    path = folder / f"acks-{writer}"
    lines = path.read_text().splitlines() if path.exists() else []
    return [Ack(command_id, int(position)) for command_id, position in map(str.split, lines)]


def count(folder: Path) -> int:
    """Return how many commands were acknowledged to all writers together, cheaply."""
    return sum(path.stat().st_size for path in folder.glob("acks-*")) // _LINE


def allow(folder: Path, count: int) -> None:
    """Let every writer go on up to so many commands."""
    fresh = folder / "allowed.new"
    fresh.write_text(str(count))
    fresh.replace(folder / "allowed")


def allowed(folder: Path) -> int:
    """Return up to how many commands a writer may go."""
    return int((folder / "allowed").read_text())
