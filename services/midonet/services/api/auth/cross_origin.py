"""Checks against requests that a foreign web page makes a browser send. Pure.

A browser reaches every address that its machine reaches, and sends client certificates without asking. Where this is
the only proof, a foreign page must not use it: neither by a request or WebSocket across origins, nor by a host name of
its own that resolves to this machine (DNS rebinding). A browser does not send a token or password by itself.
Source: Fetch standard (header `Origin`), RFC 6455 §10.2, RFC 9110 §7.2.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


def cross_origin_reason(headers: Mapping[str, str], *, authenticated: bool, local: bool) -> str | None:
    """Return why a request is refused as cross-origin; None if it is not.

    `authenticated`: the API requires authentication. `local`: it listens on a loopback address.
    """
    if authenticated and "authorization" in headers:
        return None
    host = headers.get("host", "")
    origin = headers.get("origin")
    if origin is not None and _authority(origin) != _authority(f"//{host}"):
        return f"cross-origin request: a page of {origin[:200]} may not call {host[:200]}"
    if not authenticated and local and _is_registrable(host):
        return f"this API serves its own machine only: call it as localhost or by address, not as {host[:200]}"
    return None


def _authority(url: str) -> str | None:
    """Return host and port of a URL; None if it has none."""
    try:
        return urlsplit(url).netloc.lower() or None
    except ValueError:
        return None


def _is_registrable(host: str) -> bool:
    """Return whether the host is a DNS name that can be registered, not an address or localhost."""
    name = (_hostname(host) or "").rstrip(".")
    try:
        ip_address(name)
    except ValueError:
        return "." in name and not name.endswith(".localhost")
    return False


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
