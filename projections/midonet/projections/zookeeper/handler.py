"""Kazoo's threads, with a wait for sockets that costs one system call instead of five.

Kazoo makes, fills and closes a selector for every wait, of which there are some for every request.
"""

import select
from collections.abc import Sequence
from typing import Any

from kazoo.handlers.threading import SequentialThreadingHandler

__all__ = ["Handler"]

_READABLE = select.POLLIN | select.POLLPRI | select.POLLHUP | select.POLLERR
_WRITABLE = select.POLLOUT | select.POLLERR


class Handler(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo ships no types
    """Runs the connection and the callbacks of one client."""

    def select(
        self, readers: Sequence[Any], writers: Sequence[Any], _: Sequence[Any], timeout: float | None = None
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Wait until one of these can be read or written, as `select.select`; a closed one is a `ValueError`."""
        poll = select.poll()
        asked = {each.fileno(): each for each in (*readers, *writers)}
        for fd, each in asked.items():
            wanted = (_READABLE if each in readers else 0) | (_WRITABLE if each in writers else 0)
            poll.register(fd, wanted)  # a closed one has the number -1: ValueError
        ready = poll.poll(None if timeout is None else max(0.0, timeout) * 1000)
        if any(events & select.POLLNVAL for _, events in ready):
            raise ValueError("Invalid file descriptor")
        return (
            [asked[fd] for fd, events in ready if events & _READABLE and asked[fd] in readers],
            [asked[fd] for fd, events in ready if events & _WRITABLE and asked[fd] in writers],
            [],
        )
