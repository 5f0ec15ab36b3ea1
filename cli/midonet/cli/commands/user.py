"""`midoctl user`: users of a cluster with their roles, passwords and tokens."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from midonet.cli.framework.command import command, group
from midonet.cli.options.options import VAULT, WRITE
from midonet.cli.output import output
from midonet.cli.session.accounts import Accounts
from midonet.cli.session.credentials import read_secret
from midonet.cli.session.session import Session
from midonet.cli.session.write import write
from midonet.events.commands.command import DropUser, SetUser
from midonet.events.timestamps import utc

_NAME = click.Argument(["name"], metavar="NAME")
_ROLES = "Role: admin, operator, reader, agent, or in a tenant tenant-admin@TENANT, reader@TENANT (repeatable)."
_FILE = click.Option(
    ["--password-file"], metavar="FILE", help="File with the password; else standard input or a prompt."
)
_COLUMNS = ["name", "roles", "disabled"]


def _printed(session: Session, users: Sequence[Mapping[str, Any]], value: Any) -> None:
    rows = [(one["name"], ", ".join(one["roles"]), "yes" if one["disabled"] else "") for one in users]
    session.output.print(value, names=lambda: [row[0] for row in rows], text=lambda: output.table(_COLUMNS, rows))


@command("list", shared=("at",), examples="  midoctl user list")
def _list(session: Session) -> None:
    """List all users."""
    found = Accounts(session).users()
    _printed(session, found, found)


@command("show", _NAME, shared=("at",), examples="  midoctl user show ann -o json")
def _show(session: Session, name: str) -> None:
    """Show one user."""
    found = Accounts(session).user(name)
    _printed(session, [found], found)


@command(
    "create",
    _NAME,
    click.Option(["--role", "roles"], multiple=True, metavar="ROLE", help=_ROLES),
    shared=WRITE,
    examples="""  midoctl user create root --role admin
  midoctl user create ann --role tenant-admin@acme -m "ticket 9"
  midoctl user password ann --vault file:///etc/midonet/vault --vault-key /etc/midonet/vault.key""",
)
def _create(session: Session, name: str, roles: Sequence[str]) -> None:
    """Create a user, who can sign in once `user password` or `user token` was run."""
    write(session, "user.create", [SetUser(name, tuple(roles), new=True)])


@command(
    "set",
    _NAME,
    click.Option(["--role", "roles"], multiple=True, metavar="ROLE", help=f"{_ROLES} They replace the present ones."),
    click.Option(["--no-roles"], is_flag=True, help="Remove all roles."),
    click.Option(["--disable/--enable", "disabled"], default=None, help="Disable or enable the user."),
    shared=WRITE,
    examples="  midoctl user set ann --role reader@acme\n  midoctl user set ann --disable",
)
def _set(session: Session, name: str, roles: Sequence[str], *, no_roles: bool, disabled: bool | None) -> None:
    """Change a user's roles, or disable or enable a user. Effective at the next request."""
    write(session, "user.set", [SetUser(name, tuple(roles) if roles or no_roles else None, disabled)])


@command("delete", _NAME, shared=(*WRITE, *VAULT), examples="  midoctl user delete ann")
def _delete(session: Session, name: str) -> None:
    """Delete a user with password and tokens; the user's commits stay on the log."""
    write(session, "user.delete", [DropUser(name)])
    if not session.settings.get("dry_run"):
        Accounts(session).forget(name)


@command(
    "password", _NAME, _FILE, shared=VAULT, examples="  midoctl user password ann --password-file /run/secrets/ann"
)
def _password(session: Session, name: str, password_file: str | None) -> None:
    """Set a user's password, and revoke the user's tokens."""
    Accounts(session).set_password(name, read_secret("New password", password_file, twice=True))
    session.output.note(f"password of {name} set")


@command(
    "token",
    _NAME,
    click.Option(["--days"], type=click.FloatRange(0, 365, min_open=True), default=30.0, help="Validity. Default: 30."),
    click.Option(["--label"], default="", metavar="TEXT", help="Purpose of the token."),
    shared=VAULT,
    examples="  midoctl user token ci --days 90 --label pipeline",
)
def _token(session: Session, name: str, days: float, label: str) -> None:
    """Create a token for a user and print it; it is not shown again."""
    made = Accounts(session).issue(name, days * 86_400, label)
    session.output.print(made, names=lambda: [made["token"]], text=lambda: str(made["token"]))


@command("tokens", _NAME, shared=VAULT, examples="  midoctl user tokens ci")
def _tokens(session: Session, name: str) -> None:
    """List a user's tokens by their ids."""
    tokens = Accounts(session).tokens(name)
    found = [{key: one[key] for key in ("id", "label", "created", "expires")} for one in tokens]
    rows = [(one["id"], one["label"], _time(one["created"]), _time(one["expires"])) for one in found]
    columns = ["id", "label", "created", "expires"]
    session.output.print(found, names=lambda: [row[0] for row in rows], text=lambda: output.table(columns, rows))


@command(
    "revoke",
    _NAME,
    click.Argument(["token_id"], metavar="ID"),
    shared=VAULT,
    examples="  midoctl user revoke ci 6b2f0c1d9e8a7b65",
)
def _revoke(session: Session, name: str, token_id: str) -> None:
    """Revoke a user's token; effective at the next request."""
    Accounts(session).revoke(name, token_id)


def _time(seconds: float) -> str:
    return utc(datetime.fromtimestamp(seconds, UTC), "seconds")


user = group(
    "user",
    *(_list, _show, _create, _set, _delete, _password, _token, _tokens, _revoke),
    about="Manage users. Their roles are on the log, passwords and tokens in the vault.",
)
