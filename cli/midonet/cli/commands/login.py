"""`midoctl login`, `logout`, `whoami`: authentication to a cluster."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from midonet.cli.framework.command import command
from midonet.cli.output import output
from midonet.cli.session.credentials import delete_token, read_secret, store_token
from midonet.cli.session.session import Session
from midonet.events.api_client import ApiClient
from midonet.events.errors import Unauthenticated, UsageError

_LOCAL = ("localhost", "127.0.0.1", "::1")


def _cluster(session: Session) -> ApiClient:
    if session.cluster is None:
        raise UsageError("not a cluster: give --server https://HOST:PORT or MIDOCTL_SERVER")
    return session.cluster


@command(
    "login",
    click.Argument(["name"], metavar="[USER]", required=False),
    click.Option(["--password-file"], metavar="FILE", help="File with the password; else standard input or a prompt."),
    examples="""  midoctl login ann --server https://cluster:8181
  midoctl login ci --server https://cluster:8181 --password-file /run/secrets/ci""",
)
def login(session: Session, name: str | None, password_file: str | None) -> None:
    """Sign in to a cluster; later commands on this --server use the token, which is stored in a private file.

    The default of USER is --user, for example that of the context.
    """
    client = _cluster(session)
    user = name or session.settings.get("user")
    if not user:
        raise UsageError("no user: give USER, or --user in the context (`midoctl config set-context`)", option="user")
    if any(urlsplit(node).scheme != "https" and urlsplit(node).hostname not in _LOCAL for node in client.addresses):
        raise UsageError("refused to send a password unencrypted: use https://")
    password = read_secret("Password", password_file)
    proof = b64encode(f"{user}:{password}".encode()).decode()
    reply = client.request("POST", "/v1/login", headers={"Authorization": f"Basic {proof}"})
    issued = msgspec.json.decode(reply.body)
    file = store_token(session.settings, session.url, issued["user"], issued["token"])
    value = {"user": issued["user"], "expires": issued["expires"], "file": str(file)}
    session.output.print(value, names=lambda: [issued["user"]], text=lambda: f"signed in as {issued['user']}")


@command("logout", examples="  midoctl logout --server https://cluster:8181")
def logout(session: Session) -> None:
    """Sign out of a cluster: the token is revoked, and deleted here."""
    client = _cluster(session)
    try:
        client.request("POST", "/v1/logout")
    except Unauthenticated:
        session.output.note("the token was invalid, expired or revoked already")
    delete_token(session.settings, session.url)


@command("whoami", examples="  midoctl whoami\n  midoctl whoami --server https://cluster:8181 -o json")
def whoami(session: Session) -> None:
    """Show the name and roles with which you are authenticated."""
    user: dict[str, Any] = {"name": session.settings.get("actor"), "roles": ["admin"]}
    if session.cluster is not None:
        found = msgspec.json.decode(session.cluster.get("/v1/whoami").body)
        user = {"name": found["name"], "roles": found["roles"]}
    row = (user["name"], ", ".join(user["roles"]) or "none")
    session.output.print(user, names=lambda: [user["name"]], text=lambda: output.table(["name", "roles"], [row]))
