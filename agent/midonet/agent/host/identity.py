"""The identity of this host: a UUID in a file, created once and never replaced.

A file without a UUID is an error: a host that silently took a new identity would lose its bindings.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from midonet.events.errors import InvalidValue, Misconfigured, NotFound

SYSTEM_FILE = Path("/etc/midonet/host-id")
"""Default file of the host id."""

_MODE = 0o644
_MAX_SHOWN = 40


def host_id(environ: Mapping[str, str], file: Path | None = None) -> str:
    """Return this host's identity, created if there is none; `InvalidValue` or `Misconfigured` name the file.

    The default file is the system's if it exists or can be created, else the user's.
    """
    if file is not None:
        return _read_or_create(file)
    try:
        return _read_or_create(SYSTEM_FILE)
    except Misconfigured:
        if os.path.lexists(SYSTEM_FILE):
            raise
        return _read_or_create(_user_file(environ))


def read(file: Path) -> str:
    """Return the identity in a file; `NotFound` if there is none, else as `host_id`."""
    found = _read(file)
    if found is None:
        raise NotFound(f"there is no host id file {file}", file=str(file))
    return found


def _user_file(environ: Mapping[str, str]) -> Path:
    """Return the host id file of an unprivileged user (XDG Base Directory Specification 0.8)."""
    state = environ.get("XDG_STATE_HOME", "")
    home = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return home / "midonet" / "host-id"


def _read_or_create(file: Path) -> str:
    found = _read(file)
    if found is not None:
        return found
    try:
        _create(file)
    except OSError as error:
        raise Misconfigured(f"cannot make the host id file {file}: {error.strerror}", file=str(file)) from None
    return read(file)


def _read(file: Path) -> str | None:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Misconfigured(f"cannot read the host id file {file}: {_reason(error)}", file=str(file)) from None
    text = content.decode(errors="replace").strip()
    try:
        return str(UUID(text))
    except ValueError:
        raise InvalidValue(
            f"the host id file {file} holds {text[:_MAX_SHOWN]!r}, not a UUID; correct it, or remove the file "
            "to give this host a new identity",
            file=str(file),
        ) from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _create(file: Path) -> None:
    """Create the file atomically with a new identity; keep one that another process created first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"{uuid4()}\n")
            stream.flush()
            os.fchmod(stream.fileno(), _MODE)
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        Path(temporary).unlink()
