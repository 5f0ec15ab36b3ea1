"""One connection of a client, as uvicorn serves it, with what that leaves out: who it is, and an end to its headers.

Requests and WebSockets know the certificate that was shown; and nobody, known or not, fills the memory with the head of
a request, or keeps a connection by never ending one: uvicorn's quick parser has no limit for either.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
"""Bytes that the first line and the headers of a request may have together, and its trailers as well."""

HEAD_SECONDS = 30.0
"""Seconds that a client may take for the head of a request, or to begin with the first one."""

_CERTIFICATE = "midonet.certificate"


class Connection(HttpToolsProtocol):
    """Serves one connection; its certificate, checked by then, is in the state of every scope that comes of it."""

    _unread = 0
    """Bytes of which the parser has made nothing yet: of a head, of trailers, of what precedes a chunk."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Note who it is."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _CERTIFICATE: transport.get_extra_info("peercert")}
        self._start_head_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._head_timeout.cancel()
        super().connection_lost(exc)

    def _start_head_timeout(self) -> None:
        self._head_timeout = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        """Wait for the end of the head."""
        self._head_timeout.cancel()
        self._start_head_timeout()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait no more, and count anew."""
        self._head_timeout.cancel()
        self._unread = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count anew: bodies have a limit of their own."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Count anew."""
        self._unread = 0
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, until there is too much of it."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("the head of the request is too large")


def certificate_of(request: HTTPConnection) -> Mapping[str, Any] | None:
    """Return the certificate of whoever sent a request; None if none was shown."""
    found: Mapping[str, Any] | None = request.scope.get("state", {}).get(_CERTIFICATE)
    return found
