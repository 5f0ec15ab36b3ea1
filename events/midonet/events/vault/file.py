"""A vault in one file, for one machine: a JSON object of encrypted values, replaced as a whole.

Writers take turns by a lock file beside it, so that no write is lost; readers read it again when it has changed.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from midonet.events.errors import Misconfigured, Unavailable
from midonet.events.vault.encryption import Encryption


class FileVault:
    """The vault at `path`; the first secret creates it."""

    def __init__(self, path: Path, encryption: Encryption) -> None:
        self._path = path
        self._encryption = encryption
        self._lock = Lock()
        self._seen: tuple[int, int, int] | None = None
        self._sealed: dict[str, str] = {}

    def get(self, name: str) -> bytes | None:
        """Return a secret; None if there is none of that name."""
        found = self._current().get(name)
        return self._encryption.decrypt(name, found.encode()) if found is not None else None

    def put(self, name: str, value: bytes) -> None:
        """Store a secret durably; it replaces the one before."""
        sealed = self._encryption.encrypt(name, value).decode()
        self._rewrite(lambda secrets: secrets | {name: sealed})

    def delete(self, name: str) -> bool:
        """Delete a secret; return whether there was one."""
        there = name in self._current()
        self._rewrite(lambda secrets: {key: value for key, value in secrets.items() if key != name})
        return there

    def names(self, prefix: str = "") -> list[str]:
        """Return the names with a prefix, sorted."""
        return sorted(name for name in self._current() if name.startswith(prefix))

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _current(self) -> dict[str, str]:
        with self._lock, self._failures():
            try:
                found = self._path.stat()
            except FileNotFoundError:
                return {}
            seen = found.st_ino, found.st_mtime_ns, found.st_size
            if seen != self._seen:
                self._sealed, self._seen = self._read(), seen
            return self._sealed

    def _read(self) -> dict[str, str]:
        try:
            secrets = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            secrets = None
        if not isinstance(secrets, dict) or not all(isinstance(value, str) for value in secrets.values()):
            raise Misconfigured(f"{self._path} is not a vault", file=str(self._path))
        return secrets

    def _rewrite(self, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        with self._lock, self._failures(), self._locked():
            self._replace(json.dumps(change(self._read()), indent=1, sort_keys=True).encode())
            self._seen = None

    def _replace(self, content: bytes) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"the vault {self._path}: {error.strerror}", file=str(self._path)) from None
