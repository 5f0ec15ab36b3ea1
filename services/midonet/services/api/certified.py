"""Lets requests know the certificate that their client has shown, which uvicorn keeps to itself."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Certified"]


class Certified(HttpToolsProtocol):
    """Serves one connection; `midonet.certificate` of a request's scope is what was shown, checked by then."""

    def on_message_begin(self) -> None:
        """Note it with every request."""
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # a mapping that may hold more
        scope["midonet.certificate"] = self.transport.get_extra_info("peercert")
