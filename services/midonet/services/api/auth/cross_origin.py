"""What a web page from elsewhere makes a browser send, in the name of whoever looks at the page. Pure.

A browser reaches what its machine reaches, and shows the user's certificate by itself. Where that is all the proof
there is, a page must not be able to use it: not by a request or a WebSocket across origins, and not by a name of its
own that it lets point to this machine (DNS rebinding). A token or password is sent by nobody unasked.
Source: Fetch standard (header `Origin`), RFC 6455 §10.2, RFC 9110 §7.2.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


def cross_origin_reason(headers: Mapping[str, str], *, authenticated: bool, local: bool) -> str | None:
    """Return why a request may come from a page of somebody else; None if it cannot.

    `authenticated`: whoever sends it has to prove who they are. `local`: only the machine itself reaches us.
    """
    if authenticated and "authorization" in headers:
        return None
    host = headers.get("host", "")
    origin = headers.get("origin")
    if origin is not None and _authority(origin) != _authority(f"//{host}"):
        return f"a page of {origin[:200]} may not use {host[:200]} in your name"
    if not authenticated and local and _is_registrable(host):
        return f"this API is for its own machine: ask it as localhost or by its address, not as {host[:200]}"
    return None


def _authority(url: str) -> str | None:
    """Return host and port of a URL; None if it has none."""
    try:
        return urlsplit(url).netloc.lower() or None
    except ValueError:
        return None


def _is_registrable(host: str) -> bool:
    """Return whether a host is called by a name that anybody could have registered."""
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
