"""Waiting for a file to change without asking for it again and again: inotify(7), for one file.

Python has no binding of its own. A missed or surplus wake-up must never matter to the caller.
"""

import ctypes
import os
import select
from pathlib import Path

__all__ = ["FileWatch"]

_IN_MODIFY, _IN_ATTRIB = 0x2, 0x4

_libc = ctypes.CDLL(None, use_errno=True)


class FileWatch:
    """Wakes up when the content or the attributes of a file change, whoever changes them.

    The constructor raises `OSError` where the user's limit of inotify instances is reached.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.fsencode(path)
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._arm()

    def _arm(self) -> None:
        """Watch the file that has the name now: it is another one after a restore, and may be absent."""
        _libc.inotify_add_watch(self._fd, self._path, _IN_MODIFY | _IN_ATTRIB)

    def wait(self, seconds: float) -> None:
        """Return at the first change since the last call, or after `seconds`."""
        self._arm()
        if self._poll.poll(seconds * 1000):
            os.read(self._fd, 65536)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._fd)
