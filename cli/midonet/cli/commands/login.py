"""`midoctl login`, `logout`, `whoami`: who the user is to a cluster."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from midonet.cli.framework.command import command
from midonet.cli.output import output
from midonet.cli.session.credentials import forget, keep, read_secret
from midonet.cli.session.session import Session
from midonet.events.api_client import ApiClient
from midonet.events.errors import Unauthenticated, UsageError

_LOCAL = ("localhost", "127.0.0.1", "::1")


def _cluster(session: Session) -> ApiClient:
    if session.cluster is None:
        raise UsageError("that is for a cluster: name it by --server https://HOST:PORT, or MIDOCTL_SERVER")
    return session.cluster


@command(
    "login",
    click.Argument(["user"], metavar="USER"),
    click.Option(["--password-file"], metavar="FILE", help="File with the password; else standard input or a prompt."),
    examples="""  midoctl login ann --server https://cluster:8181
  midoctl login ci --server https://cluster:8181 --password-file /run/secrets/ci""",
)
def login(session: Session, user: str, password_file: str | None) -> None:
    """Sign in at a cluster and keep the token in a file of your own, for this --server and all later commands."""
    client = _cluster(session)
    if any(urlsplit(node).scheme != "https" and urlsplit(node).hostname not in _LOCAL for node in client.addresses):
        raise UsageError("the password would go over the network for all to read: use https://")
    password = read_secret("Password", password_file)
    proof = b64encode(f"{user}:{password}".encode()).decode()
    reply = client.request("POST", "/v1/login", headers={"Authorization": f"Basic {proof}"})
    told = msgspec.json.decode(reply.body)
    file = keep(session.settings, session.url, told["token"])
    value = {"user": told["user"], "expires": told["expires"], "file": str(file)}
    session.output.print(value, names=lambda: [told["user"]], text=lambda: f"signed in as {told['user']}")


@command("logout", examples="  midoctl logout --server https://cluster:8181")
def logout(session: Session) -> None:
    """Sign out of a cluster: the token counts no more, and is forgotten here."""
    client = _cluster(session)
    try:
        client.request("POST", "/v1/logout")
    except Unauthenticated:
        session.output.note("the token did not count any more")
    forget(session.settings, session.url)


@command("whoami", examples="  midoctl whoami\n  midoctl whoami --server https://cluster:8181 -o json")
def whoami(session: Session) -> None:
    """Show who you are, and what you may do."""
    told: dict[str, Any] = {"name": session.settings.get("actor"), "roles": ["admin"]}
    if session.cluster is not None:
        found = msgspec.json.decode(session.cluster.get("/v1/whoami").body)
        told = {"name": found["name"], "roles": found["roles"]}
    row = (told["name"], ", ".join(told["roles"]) or "none")
    session.output.print(told, names=lambda: [told["name"]], text=lambda: output.table(["name", "roles"], [row]))
