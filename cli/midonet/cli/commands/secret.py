"""`midoctl secret`: secrets that the log refers to by name, such as passwords of BGP peers."""

import click

from midonet.cli.framework.command import command, group
from midonet.cli.options.options import VAULT
from midonet.cli.output import output
from midonet.cli.session.accounts import Accounts
from midonet.cli.session.credentials import read_secret
from midonet.cli.session.session import Session

_NAME = click.Argument(["name"], metavar="NAME")


@command(
    "set",
    _NAME,
    click.Option(["--file"], metavar="FILE", help="File with the value; else standard input or a prompt."),
    shared=VAULT,
    examples="  midoctl secret set isp --file /run/secrets/isp\n  midoctl bgp-peer set isp --password-ref isp",
)
def _set(session: Session, name: str, file: str | None) -> None:
    """Set a secret, or replace its value. References to it by name stay valid."""
    Accounts(session).set_secret(name, read_secret("Value", file, twice=True))


@command("list", shared=VAULT, examples="  midoctl secret list")
def _list(session: Session) -> None:
    """List the names of secrets; values are never shown."""
    found = Accounts(session).secrets()
    value = [{"name": name} for name in found]
    session.output.print(value, names=lambda: found, text=lambda: output.table(["name"], [(name,) for name in found]))


@command("delete", _NAME, shared=VAULT, examples="  midoctl secret delete isp")
def _delete(session: Session, name: str) -> None:
    """Delete a secret."""
    Accounts(session).delete_secret(name)


@command("key", examples="  (umask 077; midoctl secret key > /etc/midonet/vault.key)")
def _key(session: Session) -> None:
    """Print a new key for a vault, one line of a private file. The key on the first line encrypts."""
    from midonet.events.vault.encryption import new_key

    made = new_key()
    session.output.print({"key": made}, names=lambda: [made], text=lambda: made)


secret = group(
    "secret",
    *(_set, _list, _delete, _key),
    about="Manage secrets. They are stored encrypted in the vault; the log has only their names.",
)
