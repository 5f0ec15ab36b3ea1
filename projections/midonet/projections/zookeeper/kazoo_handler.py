"""Kazoo's threads, with one system call for each wait instead of five, and TLS that trusts one CA only.

Kazoo creates and closes a selector for every wait, and waits several times for every request. Over TLS it would also
trust every CA of the machine, and prompt for the password of a key.
"""

import select
import socket
from collections.abc import Sequence
from typing import Any

from kazoo.handlers.threading import AsyncResult, SequentialThreadingHandler

from midonet.events.config.connection_security import tls_context
from midonet.events.errors import Misconfigured

_READABLE = select.POLLIN | select.POLLPRI | select.POLLHUP | select.POLLERR
_WRITABLE = select.POLLOUT | select.POLLERR


class Answer(AsyncResult):  # type: ignore[misc]  # kazoo ships no types
    """The future answer to a request; kazoo's own would wait without a limit while servers are unreachable."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - kazoo's signature
        """Return the result or raise the exception; `KazooTimeoutError` after `timeout` or `Handler.call_timeout`."""
        return super().get(block, self._handler.call_timeout if timeout is None else timeout)


class Handler(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo ships no types
    """Runs the connection and the callbacks of one client."""

    call_timeout: float | None = None
    """Seconds after which an unanswered request fails."""

    last_error: str | None = None
    """Why the last TLS handshake failed, if it did: kazoo does not report it."""

    def async_result(self) -> Answer:
        """Return the future answer to a new request."""
        return Answer(self)

    def create_connection(self, *, use_ssl: bool, **more: Any) -> Any:
        """As kazoo's; the files are read for every connection, so they can be replaced while it runs."""
        if not use_ssl:
            return super().create_connection(use_ssl=False, **more)
        try:
            context = tls_context("ZooKeeper", more["ca"], more["certfile"], more["keyfile"])
        except Misconfigured as error:  # since the client was created
            self.last_error = error.message
            raise OSError(error.message) from None
        plain = socket.create_connection(more["address"], more["timeout"])
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secure = context.wrap_socket(plain, server_hostname=more["hostname"])
        except BaseException as error:
            self.last_error = f"no TLS: {getattr(error, 'verify_message', None) or error}"
            plain.close()
            raise
        self.last_error = None
        return secure

    def select(
        self, readers: Sequence[Any], writers: Sequence[Any], _: Sequence[Any], timeout: float | None = None
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Wait until one of the sockets can be read or written, as `select.select`; a closed one is a `ValueError`."""
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
