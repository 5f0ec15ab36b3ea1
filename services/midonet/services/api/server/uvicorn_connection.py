"""uvicorn's HTTP connection with the client certificate in the scope, and limits that uvicorn does not have.

uvicorn's httptools parser limits neither the size of a head nor the time that a client takes to send it. It discards
the body of a request that is answered already as fast as a client can send it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
"""Maximum size in bytes of the request line and headers together, and of trailers."""

HEAD_SECONDS = 30.0
"""Maximum time in seconds for the head of a request, and until the first request of a connection."""

KEEP_ALIVE_SECONDS = 75
"""Time in seconds without a request after which a connection is closed; longer than most clients keep one."""

_DISCARD_SECONDS = 0.02
"""Pause in seconds after discarding a part of a body that is not needed, times the number of such connections."""

_discarding: set["Connection"] = set()

_CERTIFICATE = "midonet.certificate"


class Connection(HttpToolsProtocol):
    """One connection; the verified client certificate is in the state of every scope."""

    _unread = 0
    """Bytes without a parsed element so far: of a head, of trailers, of a chunk header."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Store the client certificate and start the timeout."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _CERTIFICATE: transport.get_extra_info("peercert")}
        self._start_head_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout."""
        self._head_timeout.cancel()
        _discarding.discard(self)
        super().connection_lost(exc)

    def _start_head_timeout(self) -> None:
        self._head_timeout = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        """Restart the timeout for this head."""
        self._head_timeout.cancel()
        self._start_head_timeout()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop the timeout and reset the counter."""
        self._head_timeout.cancel()
        self._unread = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Reset the counter: bodies have their own limit. Slow down a body that is not needed."""
        self._unread = 0
        super().on_body(body)
        if self.cycle.response_complete:
            _discarding.add(self)

    def on_message_complete(self) -> None:
        """Reset the counter."""
        self._unread = 0
        _discarding.discard(self)
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse the data; answer 400 if a head is too large."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("the head of the request is too large")
        elif self in _discarding:
            self.flow.pause_reading()
            self.loop.call_later(_DISCARD_SECONDS * len(_discarding), self.flow.resume_reading)


def certificate_of(request: HTTPConnection) -> Mapping[str, Any] | None:
    """Return the client certificate of a request, or None."""
    found: Mapping[str, Any] | None = request.scope.get("state", {}).get(_CERTIFICATE)
    return found
